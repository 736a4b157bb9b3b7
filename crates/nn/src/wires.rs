//! What flows between the layers of a network, where an output may have several readers.

use ndarray::Array2;

use crate::layer::add::Formatted;

/// The outputs that later layers still read, by place: 0 is the images, 1 the output of layer 0.
pub(crate) struct Values<T> {
    /// An output, and how many readers have not taken it.
    outputs: Vec<(Option<Array2<T>>, usize)>,
}

impl<T: Clone> Values<T> {
    /// The images alone; `readers` is the number of readers at each place.
    pub fn new(readers: &[usize], images: Array2<T>) -> Self {
        let mut values = Self { outputs: readers.iter().map(|readers| (None, *readers)).collect() };
        values.put(0, images);
        values
    }

    /// Stores an output.
    pub fn put(&mut self, place: usize, output: Array2<T>) {
        self.outputs[place].0 = Some(output);
    }

    /// The output at a place, a copy of it while others will still read it.
    ///
    /// # Panics
    /// If there is none yet, or if more take it than the number of readers.
    pub fn take(&mut self, place: usize) -> Array2<T> {
        let (output, readers) = &mut self.outputs[place];
        *readers -= 1;
        let taken = if *readers == 0 { output.take() } else { output.clone() };
        taken.expect("outputs are read after they are stored")
    }
}

/// The gradients with respect to the outputs, by place: one from each reader.
pub(crate) struct Gradients<T> {
    terms: Vec<Vec<Formatted<T>>>,
}

impl<T> Gradients<T> {
    /// No gradients yet.
    pub fn new(places: usize) -> Self {
        Self { terms: (0..places).map(|_| Vec::new()).collect() }
    }

    /// Adds a reader's gradient. That of the images, place 0, is dropped.
    pub fn add(&mut self, place: usize, term: Formatted<T>) {
        if place > 0 {
            self.terms[place].push(term);
        }
    }

    /// The gradients of all readers.
    pub fn take(&mut self, place: usize) -> Vec<Formatted<T>> {
        std::mem::take(&mut self.terms[place])
    }
}
