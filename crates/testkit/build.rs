//! A new migration compiles the template's migrations anew.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
