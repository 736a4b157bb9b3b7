//! Progress of several threads, told on the caller's own.

use std::sync::mpsc;
use std::thread;

use rayon::prelude::*;

use crate::stage::Progress;

/// How workers say what they do.
pub(crate) type Tell<'a> = &'a (dyn Fn(Progress) + Sync);

/// Runs `work` on another thread and passes on what it tells until it is done.
pub(crate) fn relay<R: Send>(
    told: &mut dyn FnMut(Progress),
    work: impl FnOnce(Tell) -> R + Send,
) -> R {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        // The closure owns the sender, so the loop below ends with it. A receiver that is gone
        // means that `told` panicked, which the scope passes on.
        let worker = scope.spawn(move || work(&move |progress| drop(sender.send(progress))));
        for progress in receiver {
            told(progress);
        }
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Does `work` for every item on up to `threads` threads; results in order.
pub(crate) fn for_each<T: Sync, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .expect("the system has threads left");
    pool.install(|| items.par_iter().with_max_len(1).map(work).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_tell_arrives_before_the_result() {
        let mut told = Vec::new();
        let result = relay(&mut |progress| told.push(progress.to_string()), |tell| {
            for_each(2, &[3, 1, 2], |number| {
                tell(Progress::Note(number.to_string()));
                Ok::<_, ()>(number * number)
            })
        });
        told.sort();
        assert_eq!((result, told.join(" ").as_str()), (Ok(vec![9, 1, 4]), "1 2 3"));
    }
}
