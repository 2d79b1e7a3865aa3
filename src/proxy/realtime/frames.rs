//! Reads WebSocket frames that pass by, and never changes them.

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const MOST_HEAD: usize = 14;

/// Buffers up to this size are kept for the next message.
const KEPT: usize = 64 * 1024;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// One direction of a WebSocket, cut anywhere. Puts the fragments of messages together, up to a limit of size; the rest
/// is only stepped over, so a length that a frame claims costs nothing. <https://www.rfc-editor.org/rfc/rfc6455#section-5>
#[derive(Debug)]
pub struct Frames {
    limit: usize,
    head: [u8; MOST_HEAD],
    /// Bytes of the head that are there.
    have: usize,
    /// Bytes of the payload to come; the head is read anew after them.
    left: u64,
    in_payload: bool,
    /// Position in the payload, for the mask.
    offset: usize,
    message: Vec<u8>,
    /// Whether a message has begun and not ended.
    open: bool,
    /// Whether the open message is too large, or in an extension's coding.
    unread: bool,
    closed: bool,
}

impl Frames {
    /// A reader of messages of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            head: [0; MOST_HEAD],
            have: 0,
            left: 0,
            in_payload: false,
            offset: 0,
            message: Vec::new(),
            open: false,
            unread: false,
            closed: false,
        }
    }

    /// Whether a close frame has passed.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the last byte was the end of a frame, so that another frame may follow.
    pub const fn at_boundary(&self) -> bool {
        !self.in_payload && self.have == 0
    }

    /// Reads on. `message` gets every message that ends here, text or binary; `None` for one that could not be read.
    pub fn feed(&mut self, mut bytes: &[u8], mut message: impl FnMut(Option<&[u8]>)) {
        while !bytes.is_empty() {
            if self.in_payload {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (now, rest) = bytes.split_at(bytes.len().min(most));
                self.payload(now);
                self.left -= now.len() as u64;
                bytes = rest;
            } else {
                let wanted = self.head_length() - self.have;
                let (now, rest) = bytes.split_at(bytes.len().min(wanted));
                self.head[self.have..self.have + now.len()].copy_from_slice(now);
                self.have += now.len();
                bytes = rest;
                if self.have < self.head_length() {
                    continue;
                }
                self.begin();
            }
            if self.left == 0 {
                self.end(&mut message);
            }
        }
    }

    /// How long the head is, as far as it can be told; at least what is there.
    const fn head_length(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.is_masked() { 4 } else { 0 };
        2 + length + mask
    }

    const fn is_masked(&self) -> bool {
        self.head[1] & 0x80 != 0
    }

    const fn opcode(&self) -> u8 {
        self.head[0] & 0x0f
    }

    /// Control frames may stand between the fragments of a message.
    const fn is_control(&self) -> bool {
        self.opcode() & 0x08 != 0
    }

    /// The head of a frame is whole.
    fn begin(&mut self) {
        self.left = match self.head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&self.head[2..10]);
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        self.in_payload = true;
        self.offset = 0;
        self.closed |= self.opcode() == CLOSE;
        if self.is_control() {
            return;
        }
        let coded = self.head[0] & 0x70 != 0;
        match self.opcode() {
            CONTINUATION => self.unread |= coded,
            opcode => {
                self.message.clear();
                self.open = true;
                self.unread = coded || !matches!(opcode, TEXT | BINARY);
            }
        }
    }

    fn payload(&mut self, bytes: &[u8]) {
        if !self.is_control() && self.open && !self.unread {
            if self.message.len() + bytes.len() > self.limit {
                self.unread = true;
                self.message = Vec::new();
            } else if self.is_masked() {
                let at = self.head_length() - 4;
                let mask = &self.head[at..at + 4];
                let plain = bytes.iter().zip(mask.iter().cycle().skip(self.offset % 4));
                self.message.extend(plain.map(|(byte, mask)| byte ^ mask));
            } else {
                self.message.extend_from_slice(bytes);
            }
        }
        self.offset = self.offset.wrapping_add(bytes.len());
    }

    /// A frame is whole.
    fn end(&mut self, message: &mut impl FnMut(Option<&[u8]>)) {
        let last = self.head[0] & 0x80 != 0;
        if !self.is_control() && self.open && last {
            message((!self.unread).then_some(&*self.message));
            self.open = false;
            if self.message.capacity() > KEPT {
                self.message = Vec::new();
            }
        }
        self.in_payload = false;
        self.have = 0;
    }
}

/// A close frame; one for a server is masked, as those of clients must be.
pub fn close_frame(code: u16, for_server: bool) -> Vec<u8> {
    let code = code.to_be_bytes();
    if !for_server {
        return [&[0x80 | CLOSE, 2], &code[..]].concat();
    }
    let mask = fastrand::u32(..).to_be_bytes();
    let masked = [code[0] ^ mask[0], code[1] ^ mask[1]];
    [&[0x80 | CLOSE, 0x80 | 2], &mask[..], &masked[..]].concat()
}

#[cfg(test)]
mod tests;
