//! The test rings of Sluice. One binary: every ring is a module of it.

#[cfg(test)]
mod chart;
pub mod cluster;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crds;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod lint;
pub mod model;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod parity;
pub mod rights;
pub mod scenario;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod swarm;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wire;
