//! The demo: a cluster inside this process, real traffic, and the real controller.

pub mod load;
