//! Two peers and the network between them, with time moved by hand.

mod connect;
mod data;
mod media;
mod paths;
mod world;
