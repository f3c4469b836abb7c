//! What Envoy does for a stream.

use super::{Buffer, Envoy, Pair};
use crate::answer::{Answer, REQUEST_ID};
use crate::filter::{Given, Host, Side};
use std::ptr::{null, null_mut};

/// Slices of a body that are looked at without an allocation.
const FEW: usize = 16;
const NAMESPACE: &[u8] = b"tidegate";
/// Where ext_authz keeps headers of an answer: `operator/tidegate/envoy/limiting.py` says which.
const ANSWERS: &[u8] = b"envoy.filters.http.ext_authz";
/// envoy_dynamic_module_type_metadata_source
const DYNAMIC: u32 = 0;
/// What `response.code_details` says of our answers.
const DETAILS: &[u8] = b"tidegate_refused";
/// The same of answers that were given before: `operator/tidegate/envoy/caching.py` has it, too.
const AGAIN: &[u8] = b"tidegate_given_again";
const OK: u32 = 200;
const AGE: &str = "age";
/// envoy_dynamic_module_type_attribute_id: request.protocol
const PROTOCOL: u32 = 10;
/// tcp(7); Linux
const IPPROTO_TCP: i64 = 6;
const TCP_CORK: i64 = 3;
/// envoy_dynamic_module_type_socket_option_state, of a socket that exists: any; envoy_dynamic_module_type_socket_direction
const PREBIND: u32 = 0;
const DOWNSTREAM: u32 = 1;

extern "C" {
    fn envoy_dynamic_module_callback_http_get_header(
        stream: Envoy,
        side: u32,
        key: Buffer,
        value: *mut Buffer,
        index: usize,
        count: *mut usize,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(stream: Envoy, side: u32, key: Buffer, value: Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_get_body_size(stream: Envoy, body: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(stream: Envoy, body: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(stream: Envoy, body: u32, chunks: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_append_body(stream: Envoy, body: u32, data: Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(stream: Envoy, body: u32, count: usize) -> bool;
    fn envoy_dynamic_module_callback_http_clear_route_cache(stream: Envoy);
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: Envoy,
        attribute: u32,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_dynamic_metadata_number(
        stream: Envoy,
        namespace: Buffer,
        key: Buffer,
        value: f64,
    );
    fn envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
        stream: Envoy,
        namespace: Buffer,
        key: Buffer,
        value: Buffer,
    );
    fn envoy_dynamic_module_callback_http_get_metadata_string(
        stream: Envoy,
        source: u32,
        namespace: Buffer,
        key: Buffer,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        stream: Envoy,
        status: u32,
        headers: *const Pair,
        count: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_send_response_data(stream: Envoy, data: Buffer, end: bool) -> bool;
    fn envoy_dynamic_module_callback_http_set_socket_option_int(
        stream: Envoy,
        level: i64,
        name: i64,
        state: u32,
        direction: u32,
        value: i64,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        stream: Envoy,
        counter: usize,
        labels: *const Buffer,
        count: usize,
        by: u64,
    ) -> u32;
}

/// Envoy's end of a stream, while a hook runs.
pub struct Stream(pub Envoy);

// SAFETY, of each call below: Envoy gave the pointer to the hook that runs, and it lives as long as that.

impl Stream {
    /// In place of an engine. Calls this stream's hooks.
    pub fn answer(&self, answer: &Answer) {
        let mut headers = vec![pair("content-type", b"application/json")];
        headers.extend(answer.more.map(|(name, value)| pair(name, value.as_bytes())));
        headers.extend(answer.request.as_ref().map(|name| pair(REQUEST_ID, name)));
        self.respond(answer.status, &headers, answer.body.as_bytes(), DETAILS);
    }

    /// The same with an answer that was given before.
    pub fn give(&self, given: &Given, now: u64) {
        let age = given.age(now).to_string();
        let mut headers: Vec<Pair> = given.headers.iter().map(|(name, value)| pair(name, value)).collect();
        headers.push(pair(AGE, age.as_bytes()));
        self.respond(OK, &headers, &given.body, AGAIN);
    }

    fn respond(&self, status: u32, headers: &[Pair], body: &[u8], details: &[u8]) {
        let (body, details) = (Buffer::of(body), Buffer::of(details));
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                status,
                headers.as_ptr(),
                headers.len(),
                body,
                details,
            );
        }
    }

    /// More of an answer's body. Envoy 1.40 crashes if such data are said to be the last while it breaks an answer off.
    pub fn send(&self, data: &[u8]) {
        unsafe { envoy_dynamic_module_callback_http_send_response_data(self.0, Buffer::of(data), false) };
    }

    /// The last bytes to the client leave with the end of its connection, or after 200 ms.
    pub fn cork(&self) {
        unsafe {
            envoy_dynamic_module_callback_http_set_socket_option_int(
                self.0,
                IPPROTO_TCP,
                TCP_CORK,
                PREBIND,
                DOWNSTREAM,
                1,
            );
        }
    }

    /// One more.
    pub fn count(&self, counter: usize) {
        unsafe { envoy_dynamic_module_callback_http_filter_increment_counter(self.0, counter, null(), 0, 1) };
    }

    fn metadata(&self, namespace: &[u8], key: &str) -> Option<Vec<u8>> {
        let mut value = Buffer::NONE;
        let (namespace, key) = (Buffer::of(namespace), text(key));
        let there = unsafe {
            envoy_dynamic_module_callback_http_get_metadata_string(self.0, DYNAMIC, namespace, key, &mut value)
        };
        // SAFETY: copied before anything is written there
        there.then(|| unsafe { value.read() }.to_vec())
    }

    fn slices(&self, side: Side, count: usize, into: &mut [Buffer]) -> usize {
        let there =
            unsafe { envoy_dynamic_module_callback_http_get_body_chunks(self.0, received(side), into.as_mut_ptr()) };
        if there {
            count
        } else {
            0
        }
    }
}

fn text(text: &str) -> Buffer {
    Buffer::of(text.as_bytes())
}

fn pair(key: &str, value: &[u8]) -> Pair {
    Pair { key: text(key), value: Buffer::of(value) }
}

/// envoy_dynamic_module_type_http_header_type
fn headers(side: Side) -> u32 {
    match side {
        Side::Request => 0,
        Side::Response => 2,
    }
}

/// envoy_dynamic_module_type_http_body_type: what this hook was called for.
fn received(side: Side) -> u32 {
    match side {
        Side::Request => 0,
        Side::Response => 2,
    }
}

impl Host for Stream {
    fn header(&self, side: Side, name: &str, index: usize) -> Option<&[u8]> {
        let mut value = Buffer::NONE;
        let there = unsafe {
            envoy_dynamic_module_callback_http_get_header(
                self.0,
                headers(side),
                text(name),
                &mut value,
                index,
                null_mut(),
            )
        };
        // SAFETY: `self` is borrowed until the value is let go, so no header is changed meanwhile
        (there && !value.bytes.is_null()).then(|| unsafe { value.read() })
    }

    fn set_header(&mut self, side: Side, name: &str, value: &[u8]) {
        unsafe {
            envoy_dynamic_module_callback_http_set_header(self.0, headers(side), text(name), Buffer::of(value));
        }
    }

    /// A value that is none removes it.
    fn remove_header(&mut self, side: Side, name: &str) {
        unsafe {
            envoy_dynamic_module_callback_http_set_header(self.0, headers(side), text(name), Buffer::NONE);
        }
    }

    fn body_size(&self, side: Side) -> usize {
        unsafe { envoy_dynamic_module_callback_http_get_body_size(self.0, received(side)) }
    }

    fn each_slice(&self, side: Side, each: &mut dyn FnMut(&[u8])) {
        let count = unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.0, received(side)) };
        let (mut few, mut many) = ([Buffer::NONE; FEW], Vec::new());
        let into = if count <= FEW {
            &mut few[..count]
        } else {
            many.resize(count, Buffer::NONE);
            &mut many[..]
        };
        let count = self.slices(side, count, into);
        // SAFETY: `self` is borrowed as long as `each` runs, so the body is not changed meanwhile
        into[..count].iter().for_each(|slice| each(unsafe { slice.read() }));
    }

    fn drain(&mut self, side: Side, count: usize) {
        unsafe { envoy_dynamic_module_callback_http_drain_body(self.0, received(side), count) };
    }

    fn append(&mut self, side: Side, bytes: &[u8]) {
        unsafe { envoy_dynamic_module_callback_http_append_body(self.0, received(side), Buffer::of(bytes)) };
    }

    fn clear_route_cache(&mut self) {
        unsafe { envoy_dynamic_module_callback_http_clear_route_cache(self.0) };
    }

    fn protocol(&self) -> Option<&[u8]> {
        let mut value = Buffer::NONE;
        let there =
            unsafe { envoy_dynamic_module_callback_http_filter_get_attribute_string(self.0, PROTOCOL, &mut value) };
        // SAFETY: a constant of Envoy's
        there.then(|| unsafe { value.read() })
    }

    fn set_number(&mut self, key: &str, value: f64) {
        unsafe {
            envoy_dynamic_module_callback_http_set_dynamic_metadata_number(
                self.0,
                Buffer::of(NAMESPACE),
                text(key),
                value,
            );
        }
    }

    fn set_text(&mut self, key: &str, value: &[u8]) {
        unsafe {
            envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
                self.0,
                Buffer::of(NAMESPACE),
                text(key),
                Buffer::of(value),
            );
        }
    }

    fn text(&self, key: &str) -> Option<Vec<u8>> {
        self.metadata(NAMESPACE, key)
    }

    fn answer(&self, header: &str) -> Option<Vec<u8>> {
        self.metadata(ANSWERS, header)
    }
}
