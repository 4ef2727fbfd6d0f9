//! From when until when a certificate is good: the one thing we read in it (RFC 5280 section 4.1).

use centrale_model::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The beginning and the end of a certificate's validity; none when it is not a certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut inside, _) = element(outer, SEQUENCE)?;
    if let Some((_, rest)) = element(inside, VERSION) {
        inside = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, inside) = any(inside).map(|(_, content, rest)| (content, rest))?;
    }
    let (validity, _) = element(inside, SEQUENCE)?;
    let (begin, rest) = time(validity)?;
    let (end, _) = time(rest)?;
    Some((begin, end))
}

/// One element of DER: its tag, its content, what is after it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7F => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, text, rest) = any(bytes)?;
    let text = std::str::from_utf8(text).ok()?;
    let pair = |at: usize| text.get(at..at + 2)?.parse::<i64>().ok();
    let (year, at) = match tag {
        // RFC 5280 section 4.1.2.5.1: 50 and later are of the last century.
        UTC_TIME => (pair(0).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        GENERALIZED_TIME => (pair(0)? * 100 + pair(2)?, 4),
        _ => return None,
    };
    let days = days(year, pair(at)?, pair(at + 2)?);
    let seconds = pair(at + 4)? * 3600 + pair(at + 6)? * 60 + pair(at + 8)?;
    Some((Timestamp::from_secs(days * 86_400 + seconds), rest))
}

/// Days since 1970 of a date of the Gregorian calendar: years that begin in March, in cycles of 400.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let of_cycle = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_validity_is_what_the_certificate_was_made_with() {
        for (from, until) in
            [((2024, 2, 29), (2049, 12, 31)), ((1999, 12, 31), (2050, 1, 1)), ((2026, 1, 1), (2300, 3, 1))]
        {
            let mut params = rcgen::CertificateParams::new(vec!["a.example.org".to_owned()]).expect("a name");
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
            let key = rcgen::KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("a certificate");
            let found = validity(certificate.der()).expect("a validity");
            let seconds = |time: time::OffsetDateTime| Timestamp::from_secs(time.unix_timestamp());
            assert_eq!(found, (seconds(params.not_before), seconds(params.not_after)));
            for cut in 0..certificate.der().len() {
                assert_eq!(validity(&certificate.der()[..cut]), None, "cut at {cut}");
            }
        }
    }
}
