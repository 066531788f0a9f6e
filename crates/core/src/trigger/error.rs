//! Why a trigger is refused, where, and how to write it instead.

use std::ops::Range;

use thiserror::Error;

/// A trigger that was refused: it would deliver nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct TriggerError {
    /// What is wrong.
    pub fault: Fault,
    /// The bytes of the query at fault.
    pub span: Range<usize>,
}

/// What is wrong with a trigger. The first four have the texts of Segment's runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// No text at all.
    #[error("Failed to validate subscription")]
    Empty,
    /// A field without operator and value.
    #[error("Value token is missing")]
    MissingValue,
    /// A function without its field.
    #[error("{0}() is missing a 1st argument")]
    MissingField(Function),
    /// A function without its value.
    #[error("{0}() is missing a 2nd argument")]
    MissingText(Function),
    /// Nothing in it is a condition.
    #[error("the trigger holds no condition")]
    NoClause,
    /// A parenthesis that nothing closes.
    #[error("nothing closes this `(`")]
    OpenGroup,
    /// A parenthesis inside another.
    #[error("a `(` inside another: the first `)` ends both")]
    NestedGroup,
    /// A token too long.
    #[error("a name, number or string of 100,000 characters or more")]
    LongToken,
    /// A character that starts nothing.
    #[error("`{}` has no meaning here", .0.escape_debug())]
    Character(char),
    /// `!=` right before its value.
    #[error("`!=` must be followed by a blank")]
    TightNotEqual,
    /// `!` that negates nothing.
    #[error("`!` must be followed by `contains`, `match` or `=`")]
    LoneNot,
    /// A name that goes on with something else.
    #[error("`{}` cannot stand right after a name", .0.escape_debug())]
    AfterName(char),
    /// A backslash at the very end.
    #[error("a `\\` at the end escapes nothing")]
    LastBackslash,
    /// A backslash before a character of two UTF-16 units.
    #[error("`{0}` cannot be escaped: it takes two UTF-16 units")]
    WideEscape(char),
    /// A number with two points.
    #[error("a number with two points")]
    SecondPoint,
    /// A number that ends with its point.
    #[error("a number must not end with a point")]
    LastPoint,
    /// A string with something stuck to its end, which makes the closing quote an opening one.
    #[error("the quote is read again as an opening one: no blank follows it")]
    GluedString,
    /// A string that nothing closes.
    #[error("nothing closes this `{0}`")]
    OpenString(char),
}

/// The two functions of triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `contains(field, "text")`
    Contains,
    /// `match(field, "text*")`, `match(field, "*text")`
    Match,
}

impl Function {
    pub(super) fn of(name: &str) -> Option<Function> {
        match name {
            "contains" => Some(Function::Contains),
            "match" => Some(Function::Match),
            _ => None,
        }
    }
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Function::Contains => "contains",
            Function::Match => "match",
        })
    }
}

impl TriggerError {
    pub(super) fn new(fault: Fault, span: Range<usize>) -> TriggerError {
        TriggerError { fault, span }
    }

    /// How to write what was probably meant.
    pub fn help(&self) -> Option<String> {
        Some(match self.fault {
            Fault::Empty | Fault::NoClause => {
                "write a condition, such as `type = \"track\"`; a trigger reads type, event, name, userId, properties.…, \
                 traits.… and context.…"
                    .into()
            }
            Fault::MissingValue => {
                "a condition is a field, an operator and a value with blanks between them, such as `event = \"Signed Up\"`".into()
            }
            Fault::MissingField(function) | Fault::MissingText(function) => {
                format!("write `{function}(event, \"text\")`")
            }
            Fault::OpenGroup => "close it with `)`, or leave it out".into(),
            Fault::NestedGroup => {
                "only one level of parentheses is understood: use a second mapping for the other case".into()
            }
            Fault::TightNotEqual => "put a blank after `!=`".into(),
            Fault::LoneNot => {
                "write `!=`, `!contains(…)` or `!match(…)`; nothing else can be negated".into()
            }
            Fault::AfterName('<' | '>') => "put a blank before the operator".into(),
            Fault::AfterName('[') => {
                "write an item of a list as `.\\0`: `properties.tags.\\0 = \"x\"`".into()
            }
            Fault::AfterName(other) => format!("put a blank before it, or `\\{other}` if it belongs to the name"),
            Fault::Character('\r') => "use line feeds alone: a carriage return is no blank here".into(),
            Fault::Character('&' | '|') => "join conditions with `and` or `or`".into(),
            Fault::Character(_) => "remove it, or put it into double quotes".into(),
            Fault::OpenString(quote) => format!("close the string with `{quote}`"),
            Fault::GluedString => {
                "after a string there must be a blank, `,`, `)` or the end: remove what follows it".into()
            }
            Fault::LastPoint | Fault::SecondPoint => "write a number as `12` or `12.5`".into(),
            Fault::LongToken | Fault::LastBackslash | Fault::WideEscape(_) => return None,
        })
    }
}
