//! The test rings of Sluice. One binary: every ring is a module of it.

#[cfg(test)]
mod crds;
#[cfg(test)]
mod vectors;
