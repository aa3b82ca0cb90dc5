//! What an absent field means: every default that is applied in memory, as a method named like its field.
//!
//! Source: wire-contract 1.1, 1.3, 1.4, 1.6, 1.8, 1.10, 3.6. The CRD holds only Datadog's defaults and `replicas: 1`.

mod analysis;
mod experiment;
mod rollout;
mod routing;
