//! Tidegate's filters in Envoy: a dynamic module, one shared object.
//!
//! | filter   | where                                   | does                                                              |
//! |----------|-----------------------------------------|-------------------------------------------------------------------|
//! | `route`  | the virtual host's chain, for a request | knows the client, finds the model, refuses; ends broken streams   |
//! | `again`  | the same chain, before the brain's      | gives answers again that the brain has given                      |
//! | `engine` | a cluster's chain, for an attempt       | puts the engine's own name in; holds headers until the first byte |
//! | `end`    | the listener, below HTTP                | writes the end of a broken HTTP/1.1 answer                         |
//!
//! Python decides and writes the configuration (`operator/tidegate/envoy/native.py`); what stands here carries bytes.
//! <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/advanced/dynamic_modules>

#[cfg(not(test))]
mod abi;
pub mod again;
pub mod allowance;
pub mod answer;
pub mod beside;
pub mod clients;
pub mod clock;
pub mod config;
pub mod digits;
pub mod end;
pub mod engine;
pub mod events;
pub mod external;
pub mod fault;
pub mod filter;
pub mod form;
pub mod kept;
pub mod key;
pub mod model;
pub mod name;
pub mod panics;
pub mod parameters;
pub mod prefix;
pub mod refused;
pub mod route;
pub mod scanner;
pub mod search;
pub mod sha256;
pub mod splice;
pub mod usage;
pub mod wish;

#[cfg(test)]
mod fake;
