//! Parsing: tokens become templates: text, outputs and tags with what they enclose.

use std::collections::VecDeque;

use super::Failure;
use super::cursor::{Cursor, is_word};
use super::expression::{Filtered, Term, term};
use super::scan::{self, Kind, Token};

/// Tags that Segment disables, refused also where they would not be reached.
const DISABLED: [&str; 6] = ["case", "for", "include", "layout", "render", "tablerow"];

/// A piece of a template, ready to render.
#[derive(Debug)]
pub(super) enum Template {
    Text(String),
    Output(Filtered),
    Assign(String, Filtered),
    Capture(String, Vec<Template>),
    /// Branches in order, each with whether it is taken when its value is truthy, then what else.
    If {
        branches: Vec<Branch>,
        otherwise: Vec<Template>,
    },
    Cycle {
        group: Option<Term>,
        candidates: Vec<Term>,
    },
    /// A counter, and whether it goes up: printed before that, or goes down: printed after.
    Count {
        name: String,
        is_up: bool,
    },
    /// The lines of a `liquid` tag.
    All(Vec<Template>),
    Block(Vec<Template>),
    /// `break` and `continue`: outside of loops both end the rendering.
    Stop,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) value: Filtered,
    pub(super) wants_truthy: bool,
    pub(super) templates: Vec<Template>,
}

pub(super) fn template(text: &str) -> Result<Vec<Template>, Failure> {
    let characters: Vec<char> = text.chars().collect();
    let mut cursor = Cursor::new(&characters);
    let tokens = scan::scan(&mut cursor)?.into();
    Parser { text: Cursor::new(&characters), tokens }.all()
}

struct Parser<'t> {
    text: Cursor<'t>,
    tokens: VecDeque<Token>,
}

impl Parser<'_> {
    fn all(mut self) -> Result<Vec<Template>, Failure> {
        let mut templates = Vec::new();
        while let Some(token) = self.tokens.pop_front() {
            templates.extend(self.one(&token)?);
        }
        Ok(templates)
    }

    fn one(&mut self, token: &Token) -> Result<Option<Template>, Failure> {
        match &token.kind {
            Kind::Text { start, end } => Ok(Some(Template::Text(self.text.slice(*start, *end)))),
            Kind::Output { start, end } => {
                Ok(Some(Template::Output(Filtered::parse(&mut self.text.over(*start, *end))?)))
            }
            Kind::Tag { name, start, end } => {
                let arguments = self.text.over(*start, *end);
                self.tag(name, arguments, token)
            }
        }
    }

    fn tag(
        &mut self,
        name: &str,
        mut arguments: Cursor<'_>,
        token: &Token,
    ) -> Result<Option<Template>, Failure> {
        let template = match name {
            "assign" => assign(&mut arguments)?,
            "capture" => {
                let name = captured_name(&mut arguments)?;
                Template::Capture(name, self.enclosed(token, "endcapture")?)
            }
            "comment" => {
                self.skipped(token, "endcomment")?;
                return Ok(None);
            }
            "raw" => Template::Text(self.skipped(token, "endraw")?),
            "block" => Template::Block(self.enclosed(token, "endblock")?),
            "if" => self.condition(arguments, token)?,
            "unless" => self.exception(arguments, token)?,
            "cycle" => cycle(&mut arguments)?,
            "increment" => Template::Count { name: arguments.identifier(), is_up: true },
            "decrement" => Template::Count { name: arguments.identifier(), is_up: false },
            "echo" => {
                if arguments.is_at_end() {
                    return Ok(None);
                }
                Template::Output(Filtered::parse(&mut arguments)?)
            }
            "liquid" => {
                let tokens = scan::lines(arguments)?.into();
                Template::All(Parser { text: self.text.clone(), tokens }.all()?)
            }
            "#" => return comment_line(&arguments).map(|()| None),
            "break" | "continue" => Template::Stop,
            disabled if DISABLED.contains(&disabled) => return Err(Failure::Tag(disabled.to_owned())),
            unknown => return Err(Failure::Syntax(format!("tag \"{unknown}\" not found"))),
        };
        Ok(Some(template))
    }

    fn not_closed(&self, token: &Token) -> Failure {
        Failure::Syntax(format!("tag {} not closed", self.text.slice(token.start, token.end)))
    }

    /// What stands up to the closing tag, parsed.
    fn enclosed(&mut self, opening: &Token, closing: &str) -> Result<Vec<Template>, Failure> {
        let mut templates = Vec::new();
        while let Some(token) = self.tokens.pop_front() {
            if token.tag() == Some(closing) {
                return Ok(templates);
            }
            templates.extend(self.one(&token)?);
        }
        Err(self.not_closed(opening))
    }

    /// What stands up to the closing tag, as it is written.
    fn skipped(&mut self, opening: &Token, closing: &str) -> Result<String, Failure> {
        let mut text = String::new();
        while let Some(token) = self.tokens.pop_front() {
            if token.tag() == Some(closing) {
                return Ok(text);
            }
            let (start, end) = match token.kind {
                Kind::Text { start, end } => (start, end),
                _ => (token.start, token.end),
            };
            text.push_str(&self.text.slice(start, end));
        }
        Err(self.not_closed(opening))
    }

    fn condition(&mut self, mut arguments: Cursor<'_>, opening: &Token) -> Result<Template, Failure> {
        let value = Filtered::parse(&mut arguments)?;
        let mut branches = vec![Branch { value, wants_truthy: true, templates: Vec::new() }];
        let mut otherwise: Option<Vec<Template>> = None;
        while let Some(token) = self.tokens.pop_front() {
            match &token.kind {
                Kind::Tag { name, start, end } if name == "elsif" => {
                    if otherwise.is_some() {
                        return Err(Failure::Syntax("unexpected elsif after else".to_owned()));
                    }
                    let value = Filtered::parse(&mut self.text.over(*start, *end))?;
                    branches.push(Branch { value, wants_truthy: true, templates: Vec::new() });
                }
                Kind::Tag { name, start, end } if name == "else" => {
                    if start < end || otherwise.is_some() {
                        return Err(Failure::Syntax("unexpected or duplicated else".to_owned()));
                    }
                    otherwise = Some(Vec::new());
                }
                Kind::Tag { name, start, end } if name == "endif" => {
                    if start < end {
                        return Err(Failure::Syntax("unexpected words after endif".to_owned()));
                    }
                    return Ok(Template::If { branches, otherwise: otherwise.unwrap_or_default() });
                }
                _ => {
                    let parsed = self.one(&token)?;
                    let templates =
                        otherwise.as_mut().or(branches.last_mut().map(|branch| &mut branch.templates));
                    templates.expect("there is a first branch").extend(parsed);
                }
            }
        }
        Err(self.not_closed(opening))
    }

    /// `unless`, which bears what follows its `else`: it is parsed and dropped.
    fn exception(&mut self, mut arguments: Cursor<'_>, opening: &Token) -> Result<Template, Failure> {
        let value = Filtered::parse(&mut arguments)?;
        let mut branches = vec![Branch { value, wants_truthy: false, templates: Vec::new() }];
        let mut otherwise = Vec::new();
        let (mut elses, mut is_dropped) = (0, false);
        while let Some(token) = self.tokens.pop_front() {
            match &token.kind {
                Kind::Tag { name, .. } if name == "elsif" && elses > 0 => is_dropped = true,
                Kind::Tag { name, start, end } if name == "elsif" => {
                    let value = Filtered::parse(&mut self.text.over(*start, *end))?;
                    branches.push(Branch { value, wants_truthy: true, templates: Vec::new() });
                }
                Kind::Tag { name, .. } if name == "else" => {
                    elses += 1;
                    is_dropped = elses > 1;
                }
                Kind::Tag { name, .. } if name == "endunless" => {
                    return Ok(Template::If { branches, otherwise });
                }
                _ => {
                    let parsed = self.one(&token)?;
                    match (elses, branches.last_mut()) {
                        _ if is_dropped => {}
                        (0, Some(branch)) => branch.templates.extend(parsed),
                        _ => otherwise.extend(parsed),
                    }
                }
            }
        }
        Err(self.not_closed(opening))
    }
}

fn assign(arguments: &mut Cursor<'_>) -> Result<Template, Failure> {
    let name = arguments.identifier();
    arguments.skip_blanks();
    if name.is_empty() || !arguments.take('=') {
        return arguments.fail("expected a variable name and \"=\"");
    }
    Ok(Template::Assign(name, Filtered::parse(arguments)?))
}

fn captured_name(arguments: &mut Cursor<'_>) -> Result<String, Failure> {
    let name = arguments.identifier();
    if !name.is_empty() {
        return Ok(name);
    }
    match arguments.quoted() {
        Some(name) => Ok(name),
        None => arguments.fail("invalid capture name"),
    }
}

fn cycle(arguments: &mut Cursor<'_>) -> Result<Template, Failure> {
    let mut candidates = Vec::new();
    let mut group = term(arguments)?;
    arguments.skip_blanks();
    if group.is_some() && arguments.peek() == Some(':') {
        arguments.at += 1;
    } else {
        candidates.extend(group.take());
    }
    while !arguments.is_at_end() {
        candidates.extend(term(arguments)?);
        arguments.read_to(",");
    }
    if candidates.is_empty() {
        return arguments.fail("empty candidates");
    }
    Ok(Template::Cycle { group, candidates })
}

/// Every line of an inline comment has to start with `#`.
fn comment_line(arguments: &Cursor<'_>) -> Result<(), Failure> {
    let text = arguments.rest();
    let is_other =
        |line: &str| line.trim_start().chars().next().is_some_and(|first| first != '#' || is_word(first));
    if text.split('\n').skip(1).any(is_other) {
        return arguments.fail("every line of an inline comment must start with a '#' character");
    }
    Ok(())
}
