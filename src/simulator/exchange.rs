//! One connection: read a request, count it, answer it, and break the answer where a fault says so.
//!
//! A request is counted when its head has been read and charged when its answer is made, both before any delay: what a client sees late,
//! the portal may have counted early. No timer runs while a client is silent, so that tests which pause time are left alone; the number of
//! connections is bounded instead.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Answer, HTML};
use super::control;
use super::delivery::{Delivery, deliver, reason};
use super::fault::{self, Kind};
use super::language;
use super::lie;
use super::others;
use super::portal::Portal;
use super::quota::{self, Account, Charged};
use super::refusal::Refusal;
use super::route::Route;
use super::target::{Parameters, Target};
use super::wire::{Connection, Request, Unread};
use super::{explore, search};

/// Who asks, and in which terms the answer is to be given.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose counter it goes to.
    pub account: Account,
    /// Scheme and host of absolute links.
    pub origin: String,
    /// What the client prefers to read.
    pub accept_language: Option<String>,
    /// The portal's time.
    pub now: Timestamp,
    /// Whether the answer is to show a lie.
    pub lied_to: bool,
}

impl Caller {
    /// Whether the caller sees what is for keys only.
    pub fn keyed(&self) -> bool {
        self.account.is_keyed()
    }

    /// The language of the answer.
    ///
    /// # Errors
    ///
    /// If `lang` is not one of the portal's.
    pub fn lang(&self, parameters: &Parameters) -> Result<&'static str, Refusal> {
        language::of(parameters, self.accept_language.as_deref())
    }
}

/// A request that the portal is busy with, from its head to the end of its answer.
struct Busy {
    portal: Arc<Portal>,
    family: &'static str,
}

impl Busy {
    fn with(portal: &Arc<Portal>, family: &'static str, request: &Request) -> Self {
        portal.received(family, request);
        Self { portal: portal.clone(), family }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.portal.answered(self.family);
    }
}

/// Serves a connection until it ends.
pub async fn serve(portal: Arc<Portal>, mut connection: Connection) {
    if portal.faults(|faults| faults.refuses_connections()) && !connection.is_for_control().await {
        portal.faults(fault::Faults::refused_a_connection);
        connection.reset();
        return;
    }
    let mut deaf_until = portal.deaf_until.subscribe();
    loop {
        let head = tokio::select! {
            head = connection.read_head() => head,
            // The portal is gone for a while, and its idle connections with it.
            _ = deaf_until.changed() => return connection.close().await,
        };
        let mut request = match head {
            Ok(request) => request,
            Err(Unread::Refused(status)) => return refuse(connection, status).await,
            Err(Unread::Ended | Unread::Broken) => return,
        };
        let target = Target::parse(&request.target);
        let is_control = target.segments[0] == control::ROOT;
        let route = Route::of(&target.path());
        let busy = (!is_control).then(|| Busy::with(&portal, route.family(), &request));
        match connection.read_body(&mut request).await {
            Ok(()) => {}
            Err(Unread::Refused(status)) => return refuse(connection, status).await,
            Err(Unread::Ended | Unread::Broken) => return,
        }
        let close = request.lists("connection", "close") || !request.http_11;
        let (answer, delivery, delay) = if is_control {
            (control::answer(&portal, &request, &target), Delivery::Whole, Duration::ZERO)
        } else {
            exchange(&portal, &request, target, &route)
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match delivery {
            Delivery::Hang => return connection.wait_for_the_client_to_leave().await,
            Delivery::Close => return connection.close().await,
            Delivery::Reset => return connection.reset(),
            delivery => match deliver(&mut connection, &request, answer, delivery, close, busy).await {
                Ok(true) => {}
                Ok(false) => return connection.close().await,
                // The client left while it was being answered.
                Err(_) => return,
            },
        }
    }
}

/// Ends a connection on which something else than HTTP came.
async fn refuse(mut connection: Connection, status: u16) {
    let head = format!("HTTP/1.1 {status} {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", reason(status));
    // The client may have gone; the connection ends either way.
    let _ = connection.send(head.as_bytes()).await;
    connection.close().await;
}

/// Answers a request and lets the faults in force strike it.
fn exchange(portal: &Portal, request: &Request, target: Target, route: &Route) -> (Answer, Delivery, Duration) {
    let mut delay = portal.settings.delay;
    let mut delivery = Delivery::Whole;
    let mut instead = None;
    let mut content_type = None;
    let mut trailing = false;
    for kind in portal.faults(|faults| faults.strike(route.family(), &request.target)) {
        match kind {
            Kind::Delay(more) => delay += more,
            Kind::Hang => delivery = Delivery::Hang,
            Kind::Close => delivery = Delivery::Close,
            Kind::Refuse | Kind::StopListening(_) => delivery = Delivery::Reset,
            Kind::Truncate(after) => delivery = Delivery::Truncate(after),
            Kind::LengthTooLong => delivery = Delivery::LengthTooLong,
            Kind::LengthTooShort => delivery = Delivery::LengthTooShort,
            Kind::SlowDrip { every, bytes } => delivery = Delivery::SlowDrip { every, bytes },
            Kind::WrongContentType => content_type = Some("image/png".to_owned()),
            Kind::TrailingWhiteSpace => trailing = true,
            other => instead = Some(other),
        }
    }
    let now = portal.now();
    portal.catalogue.pass(now);
    let limit = portal.settings.quota;
    let instead = instead.map(|kind| fault::answer(&kind, limit, now));
    let caller = portal.tells_callers().then(|| account(request, &target.parameters));
    let mut answer = counted(portal, request, target, route, now, instead);
    if let Some(content_type) = content_type {
        answer.content_type = content_type;
    }
    if trailing {
        answer = answer.with("Content-Security-Policy", "upgrade-insecure-requests; \t ");
    }
    if let Some(caller) = caller {
        answer = answer.with("X-Simulator-Caller", caller.map_or_else(|_| "unknown".to_owned(), |account| account.to_string()));
    }
    (answer, delivery, delay)
}

/// The answer to a request, or `instead` of it, counted against the caller's quota.
fn counted(portal: &Portal, request: &Request, mut target: Target, route: &Route, now: Timestamp, instead: Option<Answer>) -> Answer {
    if request.method == "OPTIONS" {
        return standard(Answer::text(HTML, ""), None, language::DEFAULT, now);
    }
    if request.method == "POST" && route.takes_post() {
        // A form adds to the query; the query comes first.
        let form = Parameters::parse(&String::from_utf8_lossy(&request.body));
        target.parameters.0.extend(form.0);
    }
    let accept_language = request.field("accept-language").map(str::to_owned);
    let lang = language::of(&target.parameters, accept_language.as_deref()).unwrap_or(language::DEFAULT);
    let Ok(account) = account(request, &target.parameters) else {
        return standard(Answer::refusal(&Refusal::UnknownKey), None, lang, now);
    };
    let spent = |spent: quota::Spent| {
        let body = quota::refusal_body(10005, spent.limit, spent.reset);
        standard(Answer::error(429, &body), None, lang, now)
    };
    let is_page = matches!(route, Route::Page | Route::Console | Route::Explore(_, super::route::Explore::Console));
    if !is_page && let Err(over) = portal.quota(|quota, now| quota.check(&account, now)) {
        return spent(over);
    }
    let origin = format!("http://{}", request.field("host").unwrap_or("localhost"));
    let lied_to = portal.lies(|lies| lies.strike(route.family(), &target.parameters));
    let caller = Caller { account, origin, accept_language, now, lied_to };
    let answer = instead.unwrap_or_else(|| dispatch(portal, request, &target, route, &caller));
    let costs = answer.api && !is_page && !matches!(answer.status, 400 | 401 | 404 | 429);
    if !costs {
        return standard(answer, None, lang, now);
    }
    match portal.quota(|quota, now| quota.charge(&caller.account, now)) {
        Ok(charged) => standard(answer, Some(charged), lang, now),
        Err(over) => spent(over),
    }
}

fn dispatch(portal: &Portal, request: &Request, target: &Target, route: &Route, caller: &Caller) -> Answer {
    let reads = matches!(request.method.as_str(), "GET" | "HEAD") || (request.method == "POST" && route.takes_post());
    if !reads {
        return Answer::refusal(&Refusal::MethodNotAllowed);
    }
    let answer = match route {
        Route::Explore(base, endpoint) => explore::answer(portal, caller, target, *base, endpoint),
        Route::Search(endpoint) => search::answer(portal, caller, target, endpoint),
        Route::Unknown => Answer::refusal(&Refusal::NotFoundUri),
        _ => others::answer(route, request, target),
    };
    // Rows are in another order already.
    if caller.lied_to && !lie::reverses(route.family()) { lie::twist(answer) } else { answer }
}

/// Whose counter a request goes to. A key may come as a field or as a parameter; the field wins.
fn account(request: &Request, parameters: &Parameters) -> Result<Account, Refusal> {
    let field = request.field("authorization").and_then(|value| value.split_once(' '));
    let key = match field {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("apikey") => Some(key.trim()),
        // Other schemes are not the portal's, and no key.
        Some(_) => return Err(Refusal::UnknownKey),
        None => parameters.given("apikey"),
    };
    match key {
        Some(key) => Account::of_key(key).ok_or(Refusal::UnknownKey),
        None => Ok(Account::Anonymous),
    }
}

/// Adds the fields that every answer of the portal has.
fn standard(mut answer: Answer, charged: Option<Charged>, lang: &str, now: Timestamp) -> Answer {
    let mut fields: Vec<(&'static str, String)> = vec![
        ("Server", "openresty".to_owned()),
        ("Date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("Content-Type", std::mem::take(&mut answer.content_type)),
    ];
    fields.append(&mut answer.fields);
    if let Some(charged) = charged.filter(|_| answer.status < 400) {
        fields.push(("X-RateLimit-Remaining", charged.remaining.to_string()));
        fields.push(("X-RateLimit-Limit", charged.limit.to_string()));
        fields.push(("X-RateLimit-Reset", quota::reset_field(charged.reset)));
    }
    if answer.status != 400 {
        fields.push(("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate".to_owned()));
    }
    let fixed = [
        ("Vary", "Accept-Language, Cookie, Host"),
        ("Content-Language", lang),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
        ("Access-Control-Max-Age", "1000"),
        (
            "Access-Control-Allow-Headers",
            "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, ODS-API-Analytics-Embed-Type, ODS-API-Analytics-Embed-Referrer, \
             ODS-Widgets-Version, Accept",
        ),
        (
            "Access-Control-Expose-Headers",
            "ODS-Explore-API-Deprecation, Link, X-RateLimit-Remaining, X-RateLimit-Limit, X-RateLimit-Reset, X-RateLimit-dataset-Remaining, \
             X-RateLimit-dataset-Limit, X-RateLimit-dataset-Reset",
        ),
        ("Strict-Transport-Security", "max-age=31536000;includeSubdomains"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("X-UA-Compatible", "IE=edge"),
        ("Permissions-Policy", "midi=(),microphone=(),camera=(),magnetometer=(),gyroscope=(),fullscreen=(self),payment=()"),
    ];
    fields.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    answer.content_type = String::new();
    answer.fields = fields;
    answer
}
