//! The filter below HTTP: writes the end of a chunked body behind an event that a broken answer ends with, and closes.
//!
//! It rests on Envoy's order of calls: data that a filter sends pass the codec and this filter before the call returns.
//! `tests/envoy/native/test_end.py` holds it.
//!
//! Envoy takes no further request on such a connection and would close it after its delayed_close_timeout; a client that
//! meanwhile sends its next one would lose it. So it is closed in the same turn of the thread's loop, once Envoy is done with
//! the stream; as the socket is corked (`Stream::cork`), the end of the answer and that of the connection arrive together.

use super::{Buffer, Envoy, CONTINUE};
use std::cell::Cell;
use std::ffi::c_void;

/// RFC 9112 section 7.1
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// envoy_dynamic_module_type_network_connection_close_type: what is written goes out first.
const FLUSH_WRITE: u32 = 0;

thread_local! {
    /// The next bytes that are written on this thread are the last of a body.
    static LAST: Cell<bool> = const { Cell::new(false) };
}

extern "C" {
    fn envoy_dynamic_module_callback_network_filter_append_write_buffer(connection: Envoy, data: Buffer) -> bool;
    fn envoy_dynamic_module_callback_network_filter_close(connection: Envoy, how: u32);
    fn envoy_dynamic_module_callback_network_filter_scheduler_new(connection: Envoy) -> *mut c_void;
    fn envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler: *mut c_void, event: u64);
    fn envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler: *mut c_void);
}

/// Runs `send`; a chunked body ends with what that writes.
pub fn last(chunked: bool, send: impl FnOnce()) {
    LAST.set(chunked);
    send();
    LAST.set(false);
}

/// A filter without a state, which is not null.
const STATELESS: *const u8 = b"tidegate".as_ptr();

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_config_new(_: Envoy, _: Buffer, _: Buffer) -> *const u8 {
    STATELESS
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_new(_: *const u8, _: Envoy) -> *const u8 {
    STATELESS
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(_: Envoy, _: *const u8) -> u32 {
    CONTINUE
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_read(_: Envoy, _: *const u8, _: usize, _: bool) -> u32 {
    CONTINUE
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_write(
    connection: Envoy,
    _: *const u8,
    size: usize,
    _: bool,
) -> u32 {
    if size > 0 && LAST.take() {
        // SAFETY: Envoy gave the connection to this hook
        unsafe {
            envoy_dynamic_module_callback_network_filter_append_write_buffer(connection, Buffer::of(LAST_CHUNK));
            close_soon(connection);
        }
    }
    CONTINUE
}

/// Not now: Envoy is in the middle of this connection's stream.
///
/// # Safety
/// Envoy must have given the connection to the hook that runs.
unsafe fn close_soon(connection: Envoy) {
    // SAFETY: as above; what was committed is Envoy's, and is dropped with the connection
    unsafe {
        let scheduler = envoy_dynamic_module_callback_network_filter_scheduler_new(connection);
        if !scheduler.is_null() {
            envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler, 0);
            envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler);
        }
    }
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_scheduled(connection: Envoy, _: *const u8, _: u64) {
    // SAFETY: Envoy gave the connection to this hook
    unsafe { envoy_dynamic_module_callback_network_filter_close(connection, FLUSH_WRITE) };
}

super::hooks::unused! {
    envoy_dynamic_module_on_network_filter_config_destroy
    envoy_dynamic_module_on_network_filter_config_scheduled
    envoy_dynamic_module_on_network_filter_event
    envoy_dynamic_module_on_network_filter_destroy
    envoy_dynamic_module_on_network_filter_http_callout_done
    envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark
    envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark
}
