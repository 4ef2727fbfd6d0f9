//! Fragments of descriptions: what PATCH carries (RFC 8840 §9, RFC 9725 §4.3).

/// What a fragment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// ICE user name fragment, if it names one.
    pub(super) ufrag: Option<String>,
    /// ICE password, if it names one.
    pub(super) password: Option<String>,
}

/// Reads a fragment; nothing when it is none, or its ICE credentials have a shape that RFC 8839 §5.4 does not allow. Candidates are not kept:
/// the media processor is ICE-lite and learns addresses by the checks that come from them.
pub(super) fn parse(text: &str) -> Option<Fragment> {
    let mut fragment = Fragment { ufrag: None, password: None };
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let (kind, value) = line.split_once('=')?;
        match kind {
            "a" => {}
            "m" => continue,
            // Nothing else belongs into a fragment.
            _ => return None,
        }
        if let Some(ufrag) = value.strip_prefix("ice-ufrag:") {
            fragment.ufrag = Some(ice_text(ufrag, 4)?);
        } else if let Some(password) = value.strip_prefix("ice-pwd:") {
            fragment.password = Some(ice_text(password, 22)?);
        }
    }
    Some(fragment)
}

fn ice_text(text: &str, least: usize) -> Option<String> {
    let is_ice = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    ((least..=256).contains(&text.len()) && is_ice).then(|| text.to_owned())
}

/// What the other side must know after a restart, taken from the whole answer: credentials and candidates.
pub(super) fn of_answer(answer: &str) -> String {
    let mut head = String::new();
    let mut media = String::new();
    // With BUNDLE the transport of the first m-line is that of all.
    let mut sections = 0;
    for line in answer.lines().map(str::trim_end) {
        sections += usize::from(line.starts_with("m="));
        let wanted = |names: &[&str]| {
            names.iter().any(|name| line.strip_prefix("a=").is_some_and(|attribute| attribute.starts_with(name)))
        };
        let (to, is_wanted) = match sections {
            0 => (&mut head, wanted(&["ice-lite", "ice-options:", "group:BUNDLE", "ice-ufrag:", "ice-pwd:"])),
            1 => {
                let names = ["mid:", "ice-ufrag:", "ice-pwd:", "candidate:", "end-of-candidates"];
                (&mut media, line.starts_with("m=") || wanted(&names))
            }
            _ => break,
        };
        if is_wanted {
            to.push_str(line);
            to.push_str("\r\n");
        }
    }
    head + &media
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_says_which_credentials_its_candidates_belong_to() {
        let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
                    a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";
        let fragment = parse(text).expect("a fragment");
        assert_eq!(fragment.ufrag.as_deref(), Some("EsAw"));
        assert_eq!(fragment.password.as_deref(), Some("P2uYro0UCOQ4zxjKXaWCBui1"));
        assert_eq!(parse("a=end-of-candidates"), Some(Fragment { ufrag: None, password: None }));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        for text in ["v=0\r\na=mid:0", "hello", "a=ice-ufrag:abc", "a=ice-pwd:short", "a=ice-ufrag:a b c d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_cut_down_to_its_transport() {
        let answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
                      c=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:p\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n\
                      a=end-of-candidates\r\na=rtcp-mux\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:abcd\r\n";
        assert_eq!(
            of_answer(answer),
            "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
             a=ice-pwd:p\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\n"
        );
    }
}
