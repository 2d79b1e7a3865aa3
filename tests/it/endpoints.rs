//! Everything beside chats: lists of models, counts, vectors, sound, forms, and passages to what is left.

mod counting;
mod embeddings;
mod models;
mod natives;
mod passages;
