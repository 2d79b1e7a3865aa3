//! Content codings undone: gzip, deflate, br and zstd, with a limit on what may come out.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Why a coded body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodingError {
    /// A coding that is not known here.
    Unknown,
    /// More came out than the limit allows.
    TooLarge,
    /// The data are broken or end too early.
    Corrupt,
}

/// The output of a decoder, which refuses to grow beyond a limit: a few kilobytes can stand for gigabytes.
struct Bounded {
    out: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Undoes one content coding, chunk by chunk.
pub struct Decoder(Coding);

enum Coding {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    Zlib(Box<ZlibDecoder<Bounded>>),
    Deflate(Box<DeflateDecoder<Bounded>>),
    /// `deflate`, before its first byte tells whether it has a zlib header (RFC 9110 says so) or none (many do).
    Undecided(usize),
    Brotli(Box<brotli::DecompressorWriter<Bounded>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Bounded>>),
}

impl Decoder {
    /// The decoder for a `content-encoding`; `None` for `identity`. At most `limit` bytes come out of it.
    ///
    /// # Errors
    /// [`CodingError::Unknown`] for codings, and chains of codings, that are not known here.
    pub fn new(encoding: &[u8], limit: usize) -> Result<Option<Self>, CodingError> {
        let name = encoding.trim_ascii().to_ascii_lowercase();
        let sink = Bounded {
            out: Vec::new(),
            left: limit,
        };
        let coding = match name.as_slice() {
            b"" | b"identity" => return Ok(None),
            b"gzip" | b"x-gzip" => Coding::Gzip(Box::new(MultiGzDecoder::new(sink))),
            b"deflate" => Coding::Undecided(limit),
            b"br" => Coding::Brotli(Box::new(brotli::DecompressorWriter::new(sink, 4096))),
            b"zstd" => Coding::Zstd(Box::new(
                zstd::stream::write::Decoder::new(sink).map_err(|_| CodingError::Corrupt)?,
            )),
            _ => return Err(CodingError::Unknown),
        };
        Ok(Some(Self(coding)))
    }

    /// Takes the next coded bytes and gives what they stand for, as far as it is known.
    ///
    /// # Errors
    /// If the data are corrupt or the limit is reached.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, CodingError> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        if let Coding::Undecided(limit) = self.0 {
            let sink = Bounded {
                out: Vec::new(),
                left: limit,
            };
            // CM of 8 in the low bits of the first byte is zlib (RFC 1950); raw deflate has its block type there.
            self.0 = if bytes[0] & 0x0f == 8 {
                Coding::Zlib(Box::new(ZlibDecoder::new(sink)))
            } else {
                Coding::Deflate(Box::new(DeflateDecoder::new(sink)))
            };
        }
        // Flushed, so that each event of a compressed stream comes out when it came in.
        match &mut self.0 {
            Coding::Gzip(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Coding::Zlib(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Coding::Deflate(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Coding::Brotli(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Coding::Zstd(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Coding::Undecided(_) => Ok(()),
        }
        .map_err(|error| self.error(&error))?;
        Ok(std::mem::take(self.out()))
    }

    /// Ends the input and gives what was still inside.
    ///
    /// # Errors
    /// If the input ended too early, where the coding can tell.
    pub fn finish(&mut self) -> Result<Vec<u8>, CodingError> {
        match &mut self.0 {
            Coding::Gzip(d) => d.try_finish(),
            Coding::Zlib(d) => d.try_finish(),
            Coding::Deflate(d) => d.try_finish(),
            Coding::Brotli(d) => d.close(),
            Coding::Zstd(d) => d.flush(),
            Coding::Undecided(_) => return Ok(Vec::new()),
        }
        .map_err(|error| self.error(&error))?;
        Ok(std::mem::take(self.out()))
    }

    fn sink(&mut self) -> &mut Bounded {
        match &mut self.0 {
            Coding::Gzip(d) => d.get_mut(),
            Coding::Zlib(d) => d.get_mut(),
            Coding::Deflate(d) => d.get_mut(),
            Coding::Brotli(d) => d.get_mut(),
            Coding::Zstd(d) => d.get_mut(),
            Coding::Undecided(_) => unreachable!("decided by the first byte that was pushed"),
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.sink().out
    }

    fn error(&self, error: &io::Error) -> CodingError {
        match error.kind() {
            io::ErrorKind::FileTooLarge => CodingError::TooLarge,
            _ => CodingError::Corrupt,
        }
    }
}

/// Undoes the content coding of a whole body.
///
/// # Errors
/// [`CodingError`], with [`CodingError::TooLarge`] as soon as more than `limit` bytes come out.
pub fn decode(
    encoding: &[u8],
    body: bytes::Bytes,
    limit: usize,
) -> Result<bytes::Bytes, CodingError> {
    let Some(mut decoder) = Decoder::new(encoding, limit)? else {
        return Ok(body);
    };
    let mut out = decoder.push(&body)?;
    out.extend(decoder.finish()?);
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(encoding: &str, text: &[u8]) -> Vec<u8> {
        use flate2::{Compression, write};
        let level = Compression::fast();
        match encoding {
            "gzip" => {
                let mut e = write::GzEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                e.finish().unwrap()
            }
            "deflate" => {
                let mut e = write::ZlibEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                e.finish().unwrap()
            }
            "raw deflate" => {
                let mut e = write::DeflateEncoder::new(Vec::new(), level);
                e.write_all(text).unwrap();
                e.finish().unwrap()
            }
            "br" => {
                let mut out = Vec::new();
                {
                    let mut e = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
                    e.write_all(text).unwrap();
                }
                out
            }
            _ => zstd::encode_all(text, 3).unwrap(),
        }
    }

    const CODINGS: [&str; 5] = ["gzip", "deflate", "raw deflate", "br", "zstd"];

    fn name(coding: &str) -> &[u8] {
        coding.strip_prefix("raw ").unwrap_or(coding).as_bytes()
    }

    #[test]
    fn every_coding_comes_out_as_it_went_in_also_byte_by_byte() {
        let text = b"event: x\ndata: {\"a\": \"\xc3\xa4\"}\n\n".repeat(50);
        for coding in CODINGS {
            let body = coded(coding, &text);
            let whole = decode(name(coding), body.clone().into(), 1 << 20).unwrap();
            assert_eq!(whole, text, "{coding}");
            let mut decoder = Decoder::new(name(coding), 1 << 20).unwrap().unwrap();
            let mut out = Vec::new();
            for byte in &body {
                out.extend(decoder.push(&[*byte]).unwrap());
            }
            out.extend(decoder.finish().unwrap());
            assert_eq!(out, text, "{coding}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let zeros = vec![0; 4 << 20];
        for coding in CODINGS {
            let body = coded(coding, &zeros);
            assert!(body.len() < 64 * 1024, "{coding} {}", body.len());
            let result = decode(name(coding), body.into(), 1 << 20);
            assert_eq!(result, Err(CodingError::TooLarge), "{coding}");
        }
    }

    #[test]
    fn broken_data_and_unknown_codings_are_told_apart() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let result = decode(
                coding.as_bytes(),
                "certainly not compressed".into(),
                1 << 20,
            );
            assert_eq!(result, Err(CodingError::Corrupt), "{coding}");
        }
        assert_eq!(
            decode(b"gzip, br", "x".into(), 9),
            Err(CodingError::Unknown)
        );
        assert_eq!(decode(b"identity", "x".into(), 9).unwrap(), "x");
    }
}
