//! The gateway from outside: the real binary on real sockets, between scripted upstreams and clients.

mod certs;
mod harness;
mod upstream;

mod addresses;
mod cli;
mod clouds;
mod connections;
mod conversion;
mod endpoints;
mod errors;
mod failover;
mod guard;
mod heartbeats;
mod judges;
mod layers;
mod lifecycle;
mod limits;
mod listeners;
mod privacy;
mod realtime;
mod reload;
mod sdk;
mod streams;
mod uploads;
