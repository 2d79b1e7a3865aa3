//! Content codings, as upstreams and clients apply them.

use std::io::Write;

use super::Piece;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// With a zlib header, as RFC 9110 wants it.
    Deflate,
    /// Without one, as some servers do.
    RawDeflate,
    Br,
    Zstd,
}

impl Coding {
    pub const ALL: [Self; 5] = [
        Self::Gzip,
        Self::Deflate,
        Self::RawDeflate,
        Self::Br,
        Self::Zstd,
    ];

    /// The name in `content-encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses pieces so that each one can be read as soon as it has come.
    pub fn encode(self, pieces: Vec<Piece>) -> Vec<Piece> {
        let mut encoder = Encoder::new(self);
        let mut out: Vec<Piece> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => Piece::Bytes(encoder.piece(&bytes).into()),
                Piece::Wait(gate) => Piece::Wait(gate),
            })
            .collect();
        out.push(Piece::Bytes(encoder.end().into()));
        out
    }

    /// Compresses a whole body.
    pub fn encode_all(self, body: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(self);
        let mut out = encoder.piece(body);
        out.extend(encoder.end());
        out
    }
}

enum Encoder {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Zlib(flate2::write::ZlibEncoder<Vec<u8>>),
    Raw(flate2::write::DeflateEncoder<Vec<u8>>),
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> Self {
        let level = flate2::Compression::default();
        match coding {
            Coding::Gzip => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), level)),
            Coding::Deflate => Self::Zlib(flate2::write::ZlibEncoder::new(Vec::new(), level)),
            Coding::RawDeflate => Self::Raw(flate2::write::DeflateEncoder::new(Vec::new(), level)),
            Coding::Br => Self::Br(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                4096,
                5,
                20,
            ))),
            Coding::Zstd => Self::Zstd(
                zstd::stream::write::Encoder::new(Vec::new(), 3).expect("level 3 exists"),
            ),
        }
    }

    fn piece(&mut self, bytes: &[u8]) -> Vec<u8> {
        const MEMORY: &str = "memory takes everything";
        match self {
            Self::Gzip(e) => {
                e.write_all(bytes).and_then(|()| e.flush()).expect(MEMORY);
                std::mem::take(e.get_mut())
            }
            Self::Zlib(e) => {
                e.write_all(bytes).and_then(|()| e.flush()).expect(MEMORY);
                std::mem::take(e.get_mut())
            }
            Self::Raw(e) => {
                e.write_all(bytes).and_then(|()| e.flush()).expect(MEMORY);
                std::mem::take(e.get_mut())
            }
            Self::Br(e) => {
                e.write_all(bytes).and_then(|()| e.flush()).expect(MEMORY);
                std::mem::take(e.get_mut())
            }
            Self::Zstd(e) => {
                e.write_all(bytes).and_then(|()| e.flush()).expect(MEMORY);
                std::mem::take(e.get_mut())
            }
        }
    }

    fn end(self) -> Vec<u8> {
        const MEMORY: &str = "memory takes everything";
        match self {
            Self::Gzip(e) => e.finish().expect(MEMORY),
            Self::Zlib(e) => e.finish().expect(MEMORY),
            Self::Raw(e) => e.finish().expect(MEMORY),
            Self::Br(e) => e.into_inner(),
            Self::Zstd(e) => e.finish().expect(MEMORY),
        }
    }
}
