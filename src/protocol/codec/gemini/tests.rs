//! The codec's behaviour, feature by feature; recordings and hostile bodies in files of their own.

mod answers;
mod recordings;
mod requests;
mod robust;
mod streams;
mod support;
