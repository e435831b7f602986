//! The rules through their public face: commands go into an office over a memory store,
//! and what the store then holds is checked.

mod house;
mod moves;
mod projects;
mod races;
mod talk;
