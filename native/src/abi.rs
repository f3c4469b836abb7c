//! Envoy's ABI for dynamic modules, as far as it is used here: the one place with `unsafe`.
//!
//! Declared after `source/extensions/dynamic_modules/abi/abi.h` of Envoy 1.40. What a filter wants Envoy to do that makes
//! Envoy call the filter again (an answer, an event) is done here after the filter has returned.
#![allow(unsafe_code)]

mod hooks;
mod host;
mod network;

use std::ffi::c_void;

/// An object of Envoy's.
type Envoy = *mut c_void;

/// Bytes of the other side: alive until the hook ends, or until what they are part of is changed.
#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    bytes: *const u8,
    length: usize,
}

impl Buffer {
    const NONE: Buffer = Buffer { bytes: std::ptr::null(), length: 0 };

    fn of(bytes: &[u8]) -> Buffer {
        Buffer { bytes: bytes.as_ptr(), length: bytes.len() }
    }

    /// # Safety
    /// It must come from Envoy, and `'a` must not outlast what it is part of.
    unsafe fn read<'a>(self) -> &'a [u8] {
        if self.bytes.is_null() {
            return &[];
        }
        // SAFETY: as above
        unsafe { std::slice::from_raw_parts(self.bytes, self.length) }
    }
}

/// A header that is sent.
#[repr(C)]
struct Pair {
    key: Buffer,
    value: Buffer,
}

/// Of headers: FilterHeadersStatus.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
/// Of bodies: FilterDataStatus.
const STOP_AND_BUFFER: u32 = 1;
const STOP_WITHOUT_BUFFER: u32 = 3;
