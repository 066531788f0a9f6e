//! Encodings: HTML, URLs, Base64, JSON, digests.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};

use super::super::Failure;
use super::super::operand::Operand;
use super::{Apply, Call, Filtered};
use crate::mapping::is_blank;
use crate::mapping::meter::{Excess, Meter};
use crate::mapping::value::Value;

pub(super) const FILTERS: &[(&str, Apply)] = &[
    ("escape", |call| with_text(call, escape)),
    ("xml_escape", |call| with_text(call, escape)),
    ("escape_once", |call| with_text(call, |text| escape(&unescape(text)))),
    ("strip_html", |call| with_text(call, strip_html)),
    ("url_encode", |call| with_text(call, |text| encode(text, COMPONENT).replace("%20", "+"))),
    ("cgi_escape", |call| with_text(call, |text| encode(text, CGI).replace("%20", "+"))),
    ("uri_escape", |call| with_text(call, |text| encode(text, URI))),
    ("url_decode", url_decode),
    ("slugify", slugify),
    ("base64_encode", |call| with_text(call, base64_encode)),
    ("base64_decode", |call| with_text(call, base64_decode)),
    ("sha256", |call| with_text(call, |text| hex::encode(digest::digest(&digest::SHA256, text.as_bytes())))),
    ("hmac_sha256", hmac_sha256),
    ("json", json),
    ("jsonify", json),
    ("inspect", json),
];

/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

const CGI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What `encodeURI` leaves as it is, and brackets.
const URI: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'#')
    .remove(b'[')
    .remove(b']');

fn with_text<'e>(call: &Call<'_, 'e>, apply: fn(&str) -> String) -> Filtered<'e> {
    let text = call.text()?;
    // No encoding makes more than six bytes of one.
    call.meter().spend(text.len().saturating_mul(6))?;
    Ok(Operand::text(apply(&text)))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// One pass from the left: what a replacement makes is not read again.
fn unescape(text: &str) -> String {
    const NAMES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&#34;", '"'), ("&#39;", '\'')];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, character) = match NAMES.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, character)) => (name.len(), *character),
            None => (1, '&'),
        };
        out.push(character);
        rest = &rest[length..];
    }
    out + rest
}

/// Removes scripts, styles and comments with their content, then whatever stands between `<` and `>`. What is
/// not closed stays.
fn strip_html(text: &str) -> String {
    let mut blocks = vec![("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), ("<", ">")];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut end = None;
        blocks.retain(|(opener, closer)| {
            if end.is_some() || !rest.starts_with(opener) {
                return true;
            }
            end = rest[opener.len()..].find(closer).map(|length| opener.len() + length + closer.len());
            end.is_some()
        });
        match end {
            Some(end) => rest = &rest[end..],
            None => break,
        }
    }
    out + rest
}

fn encode(text: &str, kept: &'static AsciiSet) -> String {
    utf8_percent_encode(text, kept).to_string()
}

fn url_decode<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    const MALFORMED: Failure = Failure::Argument("url_decode: URI malformed");
    let text = call.text()?;
    let is_malformed = text.match_indices('%').any(|(at, _)| {
        let code = text.as_bytes().get(at + 1..at + 3);
        !code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    });
    if is_malformed {
        return Err(MALFORMED);
    }
    let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| MALFORMED)?;
    Ok(Operand::text(decoded.replace('+', " ")))
}

fn slugify<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let mut text = call.text()?;
    call.meter().spend(text.len())?;
    let mode = if call.argument(0).is_some() { call.text_at(0)? } else { "default".to_owned() };
    let is_kept: Option<fn(char) -> bool> = match mode.as_str() {
        "raw" => Some(|character| !is_blank(character)),
        "default" => Some(is_letter),
        "latin" => {
            text = without_accents(&text);
            Some(is_letter)
        }
        "pretty" => Some(|character| is_letter(character) || "._~!$&'()+,;=@".contains(character)),
        "ascii" => Some(|character| character.is_ascii_alphanumeric()),
        _ => None,
    };
    if let Some(is_kept) = is_kept {
        text = dashed(&text, is_kept);
    }
    let keeps_case = call.argument(1).is_some_and(Operand::is_script_truthy);
    Ok(Operand::text(if keeps_case { text } else { text.to_lowercase() }))
}

/// Runs of what is not kept become a dash; one dash at either end goes.
fn dashed(text: &str, is_kept: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut was_kept = true;
    for character in text.chars() {
        let is_kept = is_kept(character);
        if is_kept {
            out.push(character);
        } else if was_kept {
            out.push('-');
        }
        was_kept = is_kept;
    }
    let inner = out.strip_prefix('-').unwrap_or(&out);
    inner.strip_suffix('-').unwrap_or(inner).to_owned()
}

/// A letter, a mark or a decimal digit; among numbers beyond ASCII, those of the scripts in use.
fn is_letter(character: char) -> bool {
    character.is_alphabetic()
        || character.is_ascii_digit()
        || matches!(character, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
            | '\u{64b}'..='\u{669}' | '\u{6d6}'..='\u{6dc}' | '\u{6f0}'..='\u{6f9}' | '\u{900}'..='\u{903}'
            | '\u{93a}'..='\u{94f}' | '\u{966}'..='\u{96f}' | '\u{e34}'..='\u{e4e}' | '\u{e50}'..='\u{e59}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}' | '\u{ff10}'..='\u{ff19}')
}

fn without_accents(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'à'..='å' => out.push('a'),
            'æ' => out.push_str("ae"),
            'ç' => out.push('c'),
            'è'..='ë' => out.push('e'),
            'ì'..='ï' => out.push('i'),
            'ð' => out.push('d'),
            'ñ' => out.push('n'),
            'ò'..='ö' | 'ø' => out.push('o'),
            'ù'..='ü' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ß' => out.push_str("ss"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ẞ' => out.push_str("SS"),
            'Œ' => out.push_str("OE"),
            'Þ' => out.push_str("TH"),
            other => out.push(other),
        }
    }
    out
}

fn base64_encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// As Node reads it: both alphabets, whatever else is skipped, up to a `=`.
fn base64_decode(text: &str) -> String {
    let digits = text.bytes().take_while(|byte| *byte != b'=').filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    });
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len()), 0u32, 0);
    for digit in digits {
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hmac_sha256<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let (text, key) = (call.text()?, call.text_at(0)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    Ok(Operand::text(hex::encode(hmac::sign(&key, text.as_bytes()))))
}

/// JSON text; indented when an argument says by how much or with what.
fn json<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let value = match &call.value {
        Operand::Value(value) => value.clone(),
        // Compat: the words are objects without members to `JSON.stringify`.
        _ => return Ok(Operand::text("{}".to_owned())),
    };
    let indent = match call.argument(0).map(Operand::plain) {
        Some(width) if width.as_f64().is_some() => " ".repeat(width_of(width.as_f64().unwrap_or_default())),
        Some(text) => text.as_str().map(|text| text.chars().take(10).collect()).unwrap_or_default(),
        None => String::new(),
    };
    let mut out = String::new();
    if indent.is_empty() {
        return Ok(if value.write_json(call.scope.numbers, call.meter(), &mut out)? {
            Operand::text(out)
        } else {
            Operand::ABSENT
        });
    }
    if value.is_absent() {
        return Ok(Operand::ABSENT);
    }
    let mut writer = Indented { indent: &indent, meter: call.meter(), call, out };
    writer.write(&value, 0)?;
    Ok(Operand::text(writer.out))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10")]
fn width_of(width: f64) -> usize {
    width.clamp(0.0, 10.0) as usize
}

struct Indented<'w, 'c, 'e> {
    indent: &'w str,
    meter: &'w Meter,
    call: &'w Call<'c, 'e>,
    out: String,
}

impl<'e> Indented<'_, '_, 'e> {
    fn write(&mut self, value: &Value<'e>, depth: usize) -> Result<(), Excess> {
        let (open, close) = match value.type_name() {
            "array" => ('[', ']'),
            "object" => ('{', '}'),
            _ => {
                if !value.write_json(self.call.scope.numbers, self.meter, &mut self.out)? {
                    self.out.push_str("null");
                }
                return Ok(());
            }
        };
        let members: Vec<_> =
            value.members().into_iter().filter(|(_, member)| open == '[' || !member.is_absent()).collect();
        self.out.push(open);
        for (index, (key, member)) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1)?;
            if open == '{' {
                crate::json::write_string(key, &mut self.out);
                self.out.push_str(": ");
            }
            self.write(member, depth + 1)?;
        }
        if !members.is_empty() {
            self.line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Excess> {
        self.meter.spend(self.indent.len() * depth + 1)?;
        self.out.push('\n');
        (0..depth).for_each(|_| self.out.push_str(self.indent));
        Ok(())
    }
}
