//! What is said to OPTIONS, without asking anybody.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// Answers a CORS preflight and any other OPTIONS: what this server takes, without asking anybody (the Fetch standard, section 3.2).
pub(super) fn preflight() -> Response<Body> {
    const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS, POST");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields: &mut HeaderMap = response.headers_mut();
    fields.insert(header::ALLOW, METHODS);
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    fields.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        // The portal's own list, what conditional and cached requests need, and our key.
        HeaderValue::from_static(
            "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, ODS-API-Analytics-Embed-Type, \
             ODS-API-Analytics-Embed-Referrer, ODS-Widgets-Version, Accept, Accept-Language, Cache-Control, Content-Type, If-None-Match, \
             If-Modified-Since, If-Range, Range, X-Preau-Key",
        ),
    );
    fields.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("1000"));
    response
}
