//! One suite for every bus: the fake is proven by the rules the server keeps.

mod bus;
mod fixture;
