//! What the first bytes of a connection say.

/// The magic cookie of STUN (RFC 8489 section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// A TLS handshake record.
    Tls,
    /// STUN, with its cookie.
    Stun,
    /// Too little to tell.
    More,
    /// Neither.
    Other,
}

/// Tells what the bytes of a connection without TLS are. Eight bytes are always enough.
pub(super) fn outside(bytes: &[u8]) -> Speaks {
    match bytes {
        [] | [0x16] => Speaks::More,
        [0x16, 0x03, ..] => Speaks::Tls,
        // The first two bits of a STUN message are zero (RFC 7983).
        [first, ..] if first & 0xC0 != 0 => Speaks::Other,
        [_, _, _, _, a, b, c, d, ..] if [*a, *b, *c, *d] == COOKIE => Speaks::Stun,
        [_, _, _, _, _, _, _, _, ..] => Speaks::Other,
        _ => Speaks::More,
    }
}

/// Whether bytes inside TLS are STUN: HTTP begins with a letter, requests and indications of STUN with 0 or 1.
pub(super) fn is_stun_inside(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0 | 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        assert_eq!(outside(&[0x16, 0x03, 0x01]), Speaks::Tls);
        assert_eq!(outside(&[0x16]), Speaks::More);
        assert_eq!(outside(&[0x00, 0x03, 0x00]), Speaks::More);
        assert_eq!(outside(&[0x00, 0x03, 0x00, 0x08, 0x21, 0x12, 0xA4, 0x42]), Speaks::Stun);
        assert_eq!(outside(&[0x00, 0x03, 0x00, 0x08, 0, 0, 0, 0]), Speaks::Other);
        assert_eq!(outside(b"GET / HTTP/1.1"), Speaks::Other);
        assert!(is_stun_inside(&[0]) && is_stun_inside(&[1]) && !is_stun_inside(b"G") && !is_stun_inside(&[]));
    }
}
