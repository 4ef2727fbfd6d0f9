//! Cuts a migration into statements, and says one dialect's words in the other's.

use std::borrow::Cow;

/// Cuts a text into its statements, without the semicolons between them.
///
/// Quotes, quoted names and comments are passed over as a whole; dollar quotes and trigger bodies are not portable and not known here.
pub(crate) fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, piece) in pieces(text) {
        if piece == ";" {
            found.push(&text[start..at]);
            start = at + 1;
        }
    }
    found.push(&text[start..]);
    found.retain(|statement| pieces(statement).any(|(_, piece)| !is_blank(piece)));
    found.into_iter().map(str::trim).collect()
}

/// Says `BLOB` as `BYTEA` in statements that shape tables; leaves every other statement as it is.
pub(crate) fn for_postgres(sql: &str) -> Cow<'_, str> {
    let mut words = pieces(sql).filter(|(_, piece)| !is_blank(piece)).map(|(_, piece)| piece);
    let shapes =
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("create") || word.eq_ignore_ascii_case("alter"));
    if !shapes || !pieces(sql).any(|(_, piece)| piece.eq_ignore_ascii_case("blob")) {
        return Cow::Borrowed(sql);
    }
    let said = |piece: &'_ str| if piece.eq_ignore_ascii_case("blob") { "BYTEA".to_owned() } else { piece.to_owned() };
    Cow::Owned(pieces(sql).map(|(_, piece)| said(piece)).collect())
}

fn is_blank(piece: &str) -> bool {
    piece.starts_with("--") || piece.starts_with("/*") || piece.trim().is_empty()
}

/// Walks a text in pieces: a quoted string, a quoted name, a comment, a word, or one other character.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map(|end| end + 2),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)),
            c => Some(c.len_utf8()),
        }
        .unwrap_or(rest.len());
        let piece = (at, &rest[..length]);
        at += length;
        Some(piece)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_cut() {
        let text = "CREATE TABLE a (b TEXT DEFAULT 'x;''y');  -- a; comment\n/* and; one */ INSERT INTO \"odd;name\" VALUES (1);\n-- end\n";
        assert_eq!(
            statements(text),
            [
                "CREATE TABLE a (b TEXT DEFAULT 'x;''y')",
                "-- a; comment\n/* and; one */ INSERT INTO \"odd;name\" VALUES (1)"
            ]
        );
        assert_eq!(statements("  ; ;\n"), Vec::<&str>::new());
        assert_eq!(statements("SELECT 'é;'"), ["SELECT 'é;'"]);
    }

    #[test]
    fn blob_is_said_as_bytea_only_where_tables_are_shaped() {
        assert_eq!(
            for_postgres("-- keep blob\nCREATE TABLE a (blobs BLOB NOT NULL, c TEXT DEFAULT 'BLOB')"),
            "-- keep blob\nCREATE TABLE a (blobs BYTEA NOT NULL, c TEXT DEFAULT 'BLOB')"
        );
        assert_eq!(for_postgres("ALTER TABLE a ADD COLUMN b blob"), "ALTER TABLE a ADD COLUMN b BYTEA");
        assert_eq!(for_postgres("SELECT blob FROM a"), "SELECT blob FROM a");
    }
}
