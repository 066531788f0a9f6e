//! Help and errors as people see them, recorded. `TRYCMD=overwrite cargo test -p signalpost --test cmd` records anew.

#[test]
fn help_and_errors_are_as_recorded() {
    trycmd::TestCases::new().case("tests/cmd/*.md");
}
