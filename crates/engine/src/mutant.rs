//! Decisions broken on purpose, so that the tests can prove that they would notice. Only a test build has them.

/// One broken decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A Service moves to a revision whose pods are not available.
    SwitchBeforeReady,
    /// Pods go while a live Service still names them.
    ScaleBeforeSwitch,
    /// The same, and the audit looks away.
    ScaleUnaudited,
    /// A scale-down delay counts as over at once.
    IgnoredDelay,
    /// Pods beyond `replicas + maxSurge`.
    BeyondSurge,
    /// An inconclusive run holds nothing.
    PromoteOnInconclusive,
    /// A failed run aborts nothing.
    FailedRunIgnored,
    /// What a person aborts is not recorded.
    LostAbort,
    /// A step is said to be done, and begun again.
    RepeatedStep,
    /// A pause begins anew at every look.
    RestartedPauseClock,
    /// Looks again at once.
    HotLoop,
    /// Stable before the pods are there.
    StatusAheadOfTheWorld,
    /// An autoscaler is told a count of pods that its selector does not name.
    CountsOtherPods,
    /// A resize without its precondition (the edge).
    MissingPrecondition,
    /// A decision on a world from before our own writes (the edge).
    StaleRead,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 15] = [
        Mutant::SwitchBeforeReady,
        Mutant::ScaleBeforeSwitch,
        Mutant::ScaleUnaudited,
        Mutant::IgnoredDelay,
        Mutant::BeyondSurge,
        Mutant::PromoteOnInconclusive,
        Mutant::FailedRunIgnored,
        Mutant::LostAbort,
        Mutant::RepeatedStep,
        Mutant::RestartedPauseClock,
        Mutant::HotLoop,
        Mutant::StatusAheadOfTheWorld,
        Mutant::CountsOtherPods,
        Mutant::MissingPrecondition,
        Mutant::StaleRead,
    ];
}

#[cfg(feature = "mutants")]
thread_local! {
    static ALIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Brings a mutant to life in this thread, or none.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    ALIVE.set(mutant);
}

/// Whether this mutant is alive. Without the feature never, and the question costs nothing.
#[cfg(feature = "mutants")]
pub fn is(mutant: Mutant) -> bool {
    ALIVE.get() == Some(mutant)
}

/// Whether this mutant is alive. Without the feature never, and the question costs nothing.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is(_: Mutant) -> bool {
    false
}
