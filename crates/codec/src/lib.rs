//! Codecs: the only room with unsafe code, each block with its proof.
