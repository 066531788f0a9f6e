//! Numbers: ECMAScript's `Number` of a text.

use super::is_blank;

/// The number that a text stands for: decimal, `0x`, `0o`, `0b`, `Infinity`; 0 when it is blank, else NaN.
pub(crate) fn of_text(text: &str) -> f64 {
    let text = text.trim_matches(is_blank);
    if text.is_empty() {
        return 0.0;
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return integer(digits, radix);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust also reads `inf`, `nan` and the like.
    let is_decimal = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if unsigned == "Infinity" || is_decimal { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

fn integer(digits: &str, radix: u32) -> f64 {
    let digit = |sum: f64, digit: char| Some(sum * f64::from(radix) + f64::from(digit.to_digit(radix)?));
    if digits.is_empty() { f64::NAN } else { digits.chars().try_fold(0.0, digit).unwrap_or(f64::NAN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_number_as_in_ecmascript() {
        let numbers = [
            ("1e2", 100.0),
            ("0x10", 16.0),
            (" 5 ", 5.0),
            ("", 0.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-Infinity", f64::NEG_INFINITY),
        ];
        for (text, number) in numbers {
            assert_eq!(of_text(text).partial_cmp(&number), Some(std::cmp::Ordering::Equal), "{text}");
        }
        for text in ["inf", "nan", "1_0", "0x", "--5", ".", "e5"] {
            assert!(of_text(text).is_nan(), "{text}");
        }
    }
}
