//! Sluicegate, an AI gateway: the edge proxy between applications and every model provider.
//!
//! The blank lines below separate layers. A module uses layers above its own, never its own or those below; a test
//! reads this file and checks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod error;
pub mod problem;
pub mod units;
pub mod usage;

pub mod auth;
pub mod catalogue;
pub mod demo;
pub mod limits;
pub mod telemetry;

pub mod guard;

pub mod protocol;
pub mod upstream;

pub mod provider;

pub mod routing;

pub mod judge;

pub mod config;

pub mod admin;
pub mod proxy;

pub mod server;
