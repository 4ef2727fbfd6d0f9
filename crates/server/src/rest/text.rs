//! Percent encoding and its two dialects.

/// Decodes `%XX`. A plus stays a plus. Gives nothing when a `%` is not followed by two digits or the result is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let high = hex(*bytes.get(at + 1)?)?;
            let low = hex(*bytes.get(at + 2)?)?;
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn encode_with(text: &str, stays: impl Fn(u8) -> bool, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Encodes all but unreserved characters (RFC 3986 section 2.3).
pub(super) fn encode_strictly(text: &str, out: &mut String) {
    encode_with(text, |byte| b"-._~".contains(&byte), out);
}

/// Encodes as forms do (WHATWG URL, `application/x-www-form-urlencoded`): a space becomes a plus.
pub(super) fn encode_form(text: &str, out: &mut String) {
    for (index, part) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        encode_with(part, |byte| b"*-._".contains(&byte), out);
    }
}

/// The names and values of an address's query, decoded as forms are.
pub(crate) fn query(uri: &http::Uri) -> impl Iterator<Item = (String, String)> + '_ {
    pairs(uri.query().unwrap_or_default())
}

/// The names and values of a query, decoded as forms are.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (form_decode(name), form_decode(value))
    })
}

fn form_decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    decode(&spaced).unwrap_or(spaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_decode_and_a_plus_stays() {
        assert_eq!(decode("8%3Aacs%3Aa+b").as_deref(), Some("8:acs:a+b"));
        assert_eq!(decode("%2B1"), Some("+1".to_owned()));
        assert_eq!(decode("%"), None);
        assert_eq!(decode("%4"), None);
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%FF"), None);
    }

    #[test]
    fn forms_encode_as_browsers_do() {
        let mut out = String::new();
        encode_form("San José (x)'s~!", &mut out);
        assert_eq!(out, "San+Jos%C3%A9+%28x%29%27s%7E%21");
    }
}
