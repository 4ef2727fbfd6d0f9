//! Attribute numbers, and the shapes of the values that need one.
//!
//! RFC 8489 §18.3, RFC 8656 §18. Numbers below 0x8000 must be understood by the receiver.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{MAGIC_COOKIE, TransactionId};

pub const MAPPED_ADDRESS: u16 = 0x0001;
pub const USERNAME: u16 = 0x0006;
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
pub const ERROR_CODE: u16 = 0x0009;
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
pub const CHANNEL_NUMBER: u16 = 0x000C;
pub const LIFETIME: u16 = 0x000D;
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
pub const DATA: u16 = 0x0013;
pub const REALM: u16 = 0x0014;
pub const NONCE: u16 = 0x0015;
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
pub const EVEN_PORT: u16 = 0x0018;
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
pub const DONT_FRAGMENT: u16 = 0x001A;
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
pub const PASSWORD_ALGORITHM: u16 = 0x001D;
pub const USERHASH: u16 = 0x001E;
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub const RESERVATION_TOKEN: u16 = 0x0022;
pub const PRIORITY: u16 = 0x0024;
pub const USE_CANDIDATE: u16 = 0x0025;
pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
/// The number that coturn's clients send for ADDITIONAL-ADDRESS-FAMILY; nothing else has it.
pub const ADDITIONAL_ADDRESS_FAMILY_COTURN: u16 = 0x8032;
pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
pub const SOFTWARE: u16 = 0x8022;
pub const ALTERNATE_SERVER: u16 = 0x8023;
pub const FINGERPRINT: u16 = 0x8028;
pub const ICE_CONTROLLED: u16 = 0x8029;

/// The family byte of an address attribute.
pub const IPV4: u8 = 1;
/// The family byte of an address attribute.
pub const IPV6: u8 = 2;

/// Reads an address that is xored with the cookie and the transaction (RFC 8489 §14.2).
///
/// Gives nothing when the family is unknown or the length does not fit it.
pub fn read_xor_address(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let (head, body) = value.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2], head[3]]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match head[1] {
        IPV4 => IpAddr::from(Ipv4Addr::from(u32::from_be_bytes(body.try_into().ok()?) ^ MAGIC_COOKIE)),
        IPV6 => IpAddr::from(Ipv6Addr::from(u128::from_be_bytes(body.try_into().ok()?) ^ mask(transaction))),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes the value of an xored address attribute into `out`; gives its length, 8 or 20 bytes.
pub fn write_xor_address(address: SocketAddr, transaction: TransactionId, out: &mut [u8; 20]) -> usize {
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    out[0] = 0;
    out[2..4].copy_from_slice(&port.to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            out[1] = IPV4;
            out[4..8].copy_from_slice(&(u32::from(ip) ^ MAGIC_COOKIE).to_be_bytes());
            8
        }
        IpAddr::V6(ip) => {
            out[1] = IPV6;
            out[4..20].copy_from_slice(&(u128::from(ip) ^ mask(transaction)).to_be_bytes());
            20
        }
    }
}

/// Cookie and transaction as one number: what an IPv6 address is xored with.
fn mask(transaction: TransactionId) -> u128 {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    bytes[4..].copy_from_slice(&transaction.0);
    u128::from_be_bytes(bytes)
}
