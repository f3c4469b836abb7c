//! What Envoy calls. Nothing may unwind into it: a filter that panics is not asked again, and counted.
//!
//! | panics in       | then                                        |
//! |-----------------|---------------------------------------------|
//! | a configuration | Envoy refuses it                            |
//! | a request       | 500                                         |
//! | an answer       | it is passed on, as far as it was not read  |

use super::host::Stream;
use super::{network, Buffer, Envoy, CONTINUE, STOP, STOP_AND_BUFFER, STOP_WITHOUT_BUFFER};
use crate::answer::{refusal, Api};
use crate::config::Config;
use crate::filter::{Farewell, Filter, Host, Request, Response, Side};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};

/// What Envoy 1.40 asks for.
const ABI: &[u8] = b"v0.2.0\0";
const PANICS: &[u8] = b"panics_total";

extern "C" {
    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: Envoy,
        name: Buffer,
        labels: *const Buffer,
        count: usize,
        counter: *mut usize,
    ) -> u32;
}

struct Configured {
    config: Config,
    panics: usize,
}

struct Running {
    filter: Box<dyn Filter>,
    panics: usize,
    /// It has panicked: nobody knows what state it is in.
    broken: bool,
}

/// Asks a filter; None if it panics, or has before.
///
/// # Safety
/// `running` must come from `…_new`, and no other hook of it may run.
unsafe fn ask<T>(
    stream: Envoy,
    running: *mut Running,
    hook: impl FnOnce(&mut dyn Filter, &mut Stream) -> T,
) -> Option<T> {
    // SAFETY: as above
    let running = unsafe { &mut *running };
    if running.broken {
        return None;
    }
    let mut host = Stream(stream);
    let said = catch_unwind(AssertUnwindSafe(|| hook(running.filter.as_mut(), &mut host)));
    said.inspect_err(|_| {
        running.broken = true;
        host.count(running.panics);
    })
    .ok()
}

/// Does what a filter said of a request; the filter may be called while it does.
fn carry_out(stream: Envoy, said: Option<Request>, wait: u32, answered: u32) -> u32 {
    match said {
        Some(Request::Continue) => CONTINUE,
        Some(Request::Wait) => wait,
        Some(Request::Answer(answer)) => {
            Stream(stream).answer(&answer);
            answered
        }
        Some(Request::Given(given, now)) => {
            Stream(stream).give(&given, now);
            answered
        }
        None => {
            let host = Stream(stream);
            let header = |name| host.header(Side::Request, name, 0).unwrap_or_default();
            let answer = refusal(Api::of(header(":path")), 500, "The router could not answer.", header("x-request-id"));
            host.answer(&answer);
            answered
        }
    }
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const u8 {
    ABI.as_ptr()
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    envoy: Envoy,
    name: Buffer,
    text: Buffer,
) -> *mut Configured {
    // SAFETY: both live as long as this hook runs
    let (name, text) = unsafe { (name.read(), text.read()) };
    let Ok(Some(config)) = catch_unwind(|| Config::read(name, text)) else { return null_mut() };
    let mut panics = 0;
    unsafe {
        envoy_dynamic_module_callback_http_filter_config_define_counter(
            envoy,
            Buffer::of(PANICS),
            null(),
            0,
            &mut panics,
        );
    }
    Box::into_raw(Box::new(Configured { config, panics }))
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(configured: *mut Configured) {
    // SAFETY: Envoy calls this once, after the last filter
    drop(unsafe { Box::from_raw(configured) });
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(configured: *const Configured, _: Envoy) -> *mut Running {
    // SAFETY: a configuration outlives its filters
    let Configured { config, panics } = unsafe { &*configured };
    let made = catch_unwind(AssertUnwindSafe(|| config.filter()));
    made.map_or(null_mut(), |filter| Box::into_raw(Box::new(Running { filter, panics: *panics, broken: false })))
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(running: *mut Running) {
    // SAFETY: Envoy calls this once, after the last hook
    drop(unsafe { Box::from_raw(running) });
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    stream: Envoy,
    running: *mut Running,
    end: bool,
) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.request_headers(host, end)) };
    carry_out(stream, said, STOP, STOP)
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    stream: Envoy,
    running: *mut Running,
    end: bool,
) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.request_body(host, end)) };
    carry_out(stream, said, STOP_AND_BUFFER, STOP_WITHOUT_BUFFER)
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(stream: Envoy, running: *mut Running) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.request_trailers(host)) };
    carry_out(stream, said, STOP, STOP)
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    stream: Envoy,
    running: *mut Running,
    end: bool,
) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.response_headers(host, end)) };
    if said == Some(Response::Hold) {
        STOP
    } else {
        CONTINUE
    }
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    stream: Envoy,
    running: *mut Running,
    end: bool,
) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.response_body(host, end)) };
    if said == Some(Response::Hold) {
        STOP_WITHOUT_BUFFER
    } else {
        CONTINUE
    }
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(_: Envoy, _: *mut Running) -> u32 {
    CONTINUE
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_local_reply(
    stream: Envoy,
    running: *mut Running,
    status: u32,
    _details: Buffer,
    _reset: bool,
) -> u32 {
    let said = unsafe { ask(stream, running, |filter, host| filter.local_reply(host, status)) };
    if let Some(Some(Farewell { event, chunked })) = said {
        let host = Stream(stream);
        if chunked {
            host.cork();
        }
        network::last(chunked, || host.send(&event));
    }
    CONTINUE
}

#[no_mangle]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(stream: Envoy, running: *mut Running) {
    let _ = unsafe { ask(stream, running, |filter, host| filter.complete(host)) };
}

/// Envoy resolves these when it loads a configuration, and refuses it if one is missing.
macro_rules! unused {
    ($($name:ident)*) => { $(#[no_mangle] extern "C" fn $name() {})* };
}
pub(super) use unused;

unused! {
    envoy_dynamic_module_on_http_filter_http_callout_done
    envoy_dynamic_module_on_http_filter_http_stream_headers
    envoy_dynamic_module_on_http_filter_http_stream_data
    envoy_dynamic_module_on_http_filter_http_stream_trailers
    envoy_dynamic_module_on_http_filter_http_stream_complete
    envoy_dynamic_module_on_http_filter_http_stream_reset
    envoy_dynamic_module_on_http_filter_scheduled
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark
    envoy_dynamic_module_on_http_filter_config_scheduled
    envoy_dynamic_module_on_http_filter_config_http_callout_done
    envoy_dynamic_module_on_http_filter_config_http_stream_headers
    envoy_dynamic_module_on_http_filter_config_http_stream_data
    envoy_dynamic_module_on_http_filter_config_http_stream_trailers
    envoy_dynamic_module_on_http_filter_config_http_stream_complete
    envoy_dynamic_module_on_http_filter_config_http_stream_reset
}
