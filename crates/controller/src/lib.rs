//! The edge: watches, caches, applies, publishes. Everything that decides is in `engine`.
//!
//! [`app::run`] is the whole controller. Within it, for every object that something has changed about:
//! [`cache`] knows it, [`observe`] gathers what concerns it, `engine` decides, [`lower`] turns each op into a request,
//! [`apply`] sends them, and [`queue`] says who is next. [`cache::Shelves`], [`observe`] and [`lower`] are pure, so the
//! model ring uses the very same ones.

pub mod admin;
pub mod app;
pub mod apply;
pub mod cache;
pub mod config;
pub mod decode;
pub mod edge;
pub mod election;
pub mod error;
pub mod events;
pub mod kind;
pub mod lower;
pub mod measure;
pub mod metrics;
pub mod notify;
pub mod observe;
pub mod permissions;
pub mod queue;
pub mod reconcile;
pub mod release;
pub mod rival;
pub mod server;
pub mod sight;
pub mod status;
pub mod task;
