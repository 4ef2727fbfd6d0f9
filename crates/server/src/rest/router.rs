//! The route table: segments compared after percent-decoding each one, in any case, with `:verbs` glued or apart.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use centrale_wire::Method;
use futures_util::future::BoxFuture;
use http::Request;

use super::answer::Answer;
use super::openapi::Documented;
use super::{Node, text};

/// A request that found its route.
pub struct Incoming {
    /// As it came.
    pub request: Request<Body>,
    /// The path's parameters, decoded.
    pub path: Vec<(&'static str, String)>,
    /// Who sent it.
    pub peer: SocketAddr,
}

impl Incoming {
    /// A parameter of the path.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// What serves a route.
pub(super) type Handler = Arc<dyn Fn(Arc<Node>, Incoming) -> BoxFuture<'static, Answer> + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This text, in any case.
    Literal(&'static str),
    /// A parameter, with fixed text around it.
    Param { before: &'static str, name: &'static str, after: &'static str },
}

impl Segment {
    fn parse(text: &'static str) -> Segment {
        let Some((before, rest)) = text.split_once('{') else { return Segment::Literal(text) };
        let (name, after) = rest.split_once('}').expect("route templates close their braces");
        Segment::Param { before, name, after }
    }

    fn literal_length(&self) -> usize {
        match self {
            Segment::Literal(text) => 1000 + text.len(),
            Segment::Param { before, after, .. } => before.len() + after.len(),
        }
    }

    fn matches(&self, text: &str, params: &mut Vec<(&'static str, String)>) -> bool {
        match self {
            Segment::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Segment::Param { before, name, after } => {
                let Some(middle) = strip(text, before, after) else { return false };
                params.push((name, middle.to_owned()));
                true
            }
        }
    }
}

/// The middle of a text that begins and ends as told, in any case.
fn strip<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let head = text.get(..before.len())?;
    let rest = text.get(before.len()..)?;
    let cut = rest.len().checked_sub(after.len())?;
    let middle = rest.get(..cut)?;
    let tail = rest.get(cut..)?;
    let fits = head.eq_ignore_ascii_case(before) && tail.eq_ignore_ascii_case(after) && !middle.is_empty();
    fits.then_some(middle)
}

struct Route {
    method: Method,
    segments: Vec<Segment>,
    browser: bool,
    /// The media type of bodies, where browsers are told it when they ask before they call.
    takes: Option<&'static str>,
    handler: Handler,
}

/// A route table being written.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
    pub(super) documented: Vec<Documented>,
}

impl Routes {
    /// An empty table.
    pub fn new() -> Routes {
        Routes::default()
    }

    /// Adds a route that is not an operation: an upgrade, a file.
    ///
    /// `browser`: whether pages of other origins may use it (CORS).
    pub fn raw<F, Fut>(&mut self, method: Method, path: &'static str, browser: bool, serve: F)
    where
        F: Fn(Arc<Node>, Incoming) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.add(method, path, browser, Arc::new(move |node, incoming| Box::pin(serve(node, incoming))));
    }

    /// Adds a route whose body is not JSON, that pages of other origins may use. `OPTIONS` tells its media type.
    pub fn taking<F, Fut>(&mut self, method: Method, path: &'static str, media_type: &'static str, serve: F)
    where
        F: Fn(Arc<Node>, Incoming) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.raw(method, path, true, serve);
        if let Some(route) = self.routes.last_mut() {
            route.takes = Some(media_type);
        }
    }

    pub(super) fn add(&mut self, method: Method, path: &'static str, browser: bool, handler: Handler) {
        let segments = path.trim_start_matches('/').split('/').map(Segment::parse).collect();
        self.routes.push(Route { method, segments, browser, takes: None, handler });
    }

    /// Finishes the table.
    pub fn build(self) -> Router {
        let mut shelves: HashMap<(usize, String), Vec<Route>> = HashMap::new();
        let mut loose: Vec<Route> = Vec::new();
        for route in self.routes {
            match route.segments.first() {
                Some(Segment::Literal(first)) => {
                    let key = (route.segments.len(), first.to_ascii_lowercase());
                    shelves.entry(key).or_default().push(route);
                }
                Some(Segment::Param { .. }) | None => loose.push(route),
            }
        }
        for shelf in shelves.values_mut() {
            // What says more of the path itself is tried first.
            shelf.sort_by_key(|route| {
                std::cmp::Reverse(route.segments.iter().map(Segment::literal_length).sum::<usize>())
            });
        }
        Router { shelves, loose, documented: self.documented }
    }
}

/// What a path and method lead to.
pub(super) enum Found {
    /// Serve it.
    Route { handler: Handler, params: Vec<(&'static str, String)>, browser: bool },
    /// The path exists, the method does not; these do.
    Methods { allowed: Vec<Method>, browser: bool, takes: Option<&'static str> },
    /// Nothing.
    Nowhere,
}

/// The route table.
pub struct Router {
    shelves: HashMap<(usize, String), Vec<Route>>,
    loose: Vec<Route>,
    pub(super) documented: Vec<Documented>,
}

impl Router {
    /// Looks a path up.
    pub(super) fn find(&self, method: &http::Method, path: &str) -> Found {
        let mut segments = Vec::with_capacity(8);
        for part in path.trim_start_matches('/').split('/') {
            match text::decode(part) {
                Some(segment) => segments.push(segment),
                None => return Found::Nowhere,
            }
            if segments.len() > 32 {
                return Found::Nowhere;
            }
        }
        if segments.len() > 1 && segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        let first = segments.first().map(|first| first.to_ascii_lowercase()).unwrap_or_default();
        let shelf = self.shelves.get(&(segments.len(), first)).into_iter().flatten();
        let mut allowed = Vec::new();
        let mut browser = false;
        let mut takes = None;
        let loose = self.loose.iter().filter(|route| route.segments.len() == segments.len());
        for (route, is_loose) in shelf.map(|route| (route, false)).chain(loose.map(|route| (route, true))) {
            // A file at the root is looked for only where nothing else is.
            if is_loose && !allowed.is_empty() {
                break;
            }
            let mut params = Vec::new();
            let fits = route.segments.iter().zip(&segments).all(|(segment, text)| segment.matches(text, &mut params));
            if !fits {
                continue;
            }
            if method.as_str() == route.method.as_str() || (method == http::Method::HEAD && route.method == Method::Get)
            {
                return Found::Route { handler: route.handler.clone(), params, browser: route.browser };
            }
            if !is_loose {
                allowed.push(route.method);
                browser |= route.browser;
                takes = takes.or(route.takes);
            }
        }
        if allowed.is_empty() { Found::Nowhere } else { Found::Methods { allowed, browser, takes } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let mut routes = Routes::new();
        for path in [
            "/identities",
            "/identities/{id}",
            "/identities/{id}/:issueAccessToken",
            "/calls/{id}",
            "/calls/{id}:play",
            "/calls/list",
        ] {
            routes.raw(Method::Post, path, false, |_, _| async { super::super::answer::empty(http::StatusCode::OK) });
        }
        routes.build()
    }

    fn params(path: &str) -> Option<Vec<(&'static str, String)>> {
        match router().find(&http::Method::POST, path) {
            Found::Route { params, .. } => Some(params),
            Found::Methods { .. } | Found::Nowhere => None,
        }
    }

    #[test]
    fn ids_are_decoded_and_verbs_may_be_glued() {
        let id = vec![("id", "8:acs:a_b".to_owned())];
        assert_eq!(params("/identities/8%3Aacs%3Aa_b/:issueAccessToken"), Some(id.clone()));
        assert_eq!(params("/Identities/8:acs:a_b/:ISSUEaccesstoken"), Some(id));
        assert_eq!(params("/calls/x:y:play"), Some(vec![("id", "x:y".to_owned())]));
        assert_eq!(params("/calls/x"), Some(vec![("id", "x".to_owned())]));
        assert_eq!(params("/calls/list"), Some(vec![]));
    }

    #[test]
    fn an_encoded_slash_does_not_make_a_segment() {
        assert_eq!(params("/identities/a%2Fb"), Some(vec![("id", "a/b".to_owned())]));
        assert_eq!(params("/identities/a/b"), None);
        assert_eq!(params("/identities/%"), None);
    }

    #[test]
    fn a_known_path_with_another_method_tells_its_methods() {
        assert!(matches!(
            router().find(&http::Method::GET, "/identities"),
            Found::Methods { allowed, .. } if allowed == [Method::Post]
        ));
        assert!(matches!(router().find(&http::Method::GET, "/nothing"), Found::Nowhere));
    }

    #[test]
    fn a_file_at_the_root_does_not_hide_that_a_method_is_wrong() {
        let mut routes = Routes::new();
        let nothing = |_, _| async { super::super::answer::empty(http::StatusCode::OK) };
        routes.raw(Method::Post, "/identities", false, nothing);
        routes.raw(Method::Get, "/{file}", false, nothing);
        let router = routes.build();
        assert!(matches!(router.find(&http::Method::GET, "/identities"), Found::Methods { .. }));
        assert!(matches!(router.find(&http::Method::GET, "/favicon.ico"), Found::Route { .. }));
        assert!(matches!(router.find(&http::Method::POST, "/nothing"), Found::Nowhere));
    }
}
