//! Migrations are read by a macro, which cargo does not follow: it is told here.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
