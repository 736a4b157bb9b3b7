//! Progress of worker threads, reported on the caller's thread.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use rayon::prelude::*;

use flexmac_record::StageId;

/// What a run reports while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A stage begins.
    Begin {
        /// The stage.
        id: StageId,
        /// Why it is repeated; none if there is no earlier result.
        why: Option<String>,
    },
    /// The earlier result of a stage is reused.
    Kept {
        /// The stage.
        id: StageId,
        /// The stamp of the result.
        stamp: PathBuf,
    },
    /// Another message, such as the result of a try.
    Note(String),
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Begin { id, why: None } => write!(f, "{id}"),
            Self::Begin { id, why: Some(why) } => write!(f, "{id} again: {why}"),
            Self::Kept { id, stamp } => write!(f, "{id}: kept from {}", stamp.display()),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// The function to which workers report progress.
pub(crate) type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// Runs `work` on another thread, and calls `on_progress` on this thread with the progress it reports.
pub(crate) fn with_progress<R: Send>(
    on_progress: &mut dyn FnMut(Progress),
    work: impl FnOnce(OnProgress) -> R + Send,
) -> R {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        // The closure owns the sender, so the loop below ends when the worker ends. If the receiver
        // is gone, `on_progress` has panicked, and the scope propagates the panic.
        let worker = scope.spawn(move || work(&move |progress| drop(sender.send(progress))));
        for progress in receiver {
            on_progress(progress);
        }
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Runs `work` for every item on up to `threads` threads. Results have the order of the items.
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
    fn progress_of_workers_arrives_before_the_result() {
        let mut seen = Vec::new();
        let result =
            with_progress(&mut |progress| seen.push(progress.to_string()), |on_progress| {
                for_each(2, &[3, 1, 2], |number| {
                    on_progress(Progress::Note(number.to_string()));
                    Ok::<_, ()>(number * number)
                })
            });
        seen.sort();
        assert_eq!((result, seen.join(" ").as_str()), (Ok(vec![9, 1, 4]), "1 2 3"));
    }
}
