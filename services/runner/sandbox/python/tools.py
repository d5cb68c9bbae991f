"""The built-ins of `global_func`, importable as `apitestengine.core.tools` too (case scripts of seed 000 §3)."""
import base64
import hashlib
import os
import time

from chinese_faker import Faker, fk

__all__ = [
    'base64', 'time', 'Faker', 'fk', 'random_mobile', 'random_name', 'random_ssn', 'random_addr', 'random_city',
    'random_company', 'random_postcode', 'random_email', 'random_date', 'radom_date_time', 'random_date_time',
    'random_ipv4', 'get_timestamp', 'base64_encode', 'md5_encrypt', 'rsa_encrypt',
]  # fmt: skip


def random_mobile():
    """A Chinese mobile number."""
    return fk.phone_number()


def random_name():
    """A Chinese name."""
    return fk.name()


def random_ssn():
    """An identity card number with its check digit."""
    return fk.ssn()


def random_addr():
    """An address with its postcode."""
    return fk.address()


def random_city():
    """The name of a city."""
    return fk.city()


def random_company():
    """The name of a company."""
    return fk.company()


def random_postcode():
    """Six digits."""
    return fk.postcode()


def random_email():
    """An address in a domain that belongs to no one."""
    return fk.email()


def random_date():
    """A date as text, YYYY-MM-DD, since 1970."""
    return fk.date()


def random_date_time():
    """A datetime since 1970."""
    return fk.date_time()


# The name that existing scripts call.
radom_date_time = random_date_time


def random_ipv4():
    """An IPv4 address as text."""
    return fk.ipv4()


def get_timestamp():
    """Seconds since 1970, a float."""
    return time.time()


def base64_encode(data):
    """Base64 of the UTF-8 bytes of a text."""
    return base64.b64encode(data.encode('utf-8')).decode('ascii')


def md5_encrypt(data):
    """MD5 of the UTF-8 bytes of a text, as hexadecimal digits."""
    return hashlib.md5(data.encode('utf-8')).hexdigest()


def rsa_encrypt(msg, server_pub):
    """Base64 of the RSA encryption (PKCS#1 v1.5) of a text under a public key in PEM.

    Raises ValueError when the key cannot be read, OverflowError when the text is too long for it.
    """
    modulus, exponent = _public_key(server_pub)
    size = (modulus.bit_length() + 7) // 8
    message = msg.encode('utf-8')
    if len(message) > size - 11:
        raise OverflowError(f'{len(message)} bytes needed for message, but there is only space for {size - 11}')
    padding = b''
    while len(padding) < size - len(message) - 3:
        padding += os.urandom(size).replace(b'\0', b'')
    padding = padding[: size - len(message) - 3]
    block = int.from_bytes(b'\0\2' + padding + b'\0' + message)
    return base64.b64encode(pow(block, exponent, modulus).to_bytes(size)).decode('ascii')


def _public_key(pem):
    """(modulus, exponent) of `PUBLIC KEY` (X.509) or `RSA PUBLIC KEY` (PKCS#1) in PEM."""
    body = ''.join(line.strip() for line in str(pem).strip().splitlines() if not line.startswith('-----'))
    try:
        der = base64.b64decode(body, validate=True)
        (tag, content), *_ = _der(der)
        items = _der(content)
        if tag == 0x30 and items[0][0] == 0x30:
            # X.509: the algorithm, then a bit string (its first byte counts unused bits) that holds the PKCS#1 key.
            items = _der(_der(items[1][1][1:])[0][1])
        return int.from_bytes(items[0][1]), int.from_bytes(items[1][1])
    except (ValueError, IndexError) as problem:
        raise ValueError('rsa_encrypt: the public key cannot be read') from problem


def _der(data):
    """The (tag, content) pairs of a DER sequence."""
    items, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        items.append((tag, data[at : at + length]))
        at += length
    return items
