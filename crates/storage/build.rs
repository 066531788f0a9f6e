//! Statements in files and migrations are read by macros, which cargo does not follow: it is told here.

fn main() {
    for path in ["queries", "../../migrations", "../../.sqlx"] {
        println!("cargo:rerun-if-changed={path}");
    }
}
