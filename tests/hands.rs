//! Long tests on all cores: each item is worked on in one thread, and a panic of one is its own failure.

/// Does this to every item; each thread takes every n-th.
pub(crate) fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = &work;
        let hand = |hand| {
            let mine = items.iter().skip(hand).step_by(hands);
            scope.spawn(move || mine.map(work).collect::<Vec<_>>())
        };
        let threads: Vec<_> = (0..hands).map(hand).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a hand"));
        joined.flatten().collect()
    })
}

/// What a panic said, as an error.
pub(crate) fn caught<T>(play: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default())
    })
}
