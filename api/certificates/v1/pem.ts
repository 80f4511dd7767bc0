/** PEM inside of base64: how certificates and requests for them travel in objects. Looks no further than the outer shape; signers read what is inside. */

/** What an ASN.1 sequence begins with; requests and certificates are sequences. */
const DER_SEQUENCE = 0x30;

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----/;

/** The block's bytes, or what is wrong in upstream's words. */
export function decodePem(base64: string, label: 'CERTIFICATE REQUEST' | 'CERTIFICATE'): Buffer | string {
  const [, found, body] = BLOCK.exec(Buffer.from(base64, 'base64').toString('latin1')) ?? [];
  const isRequest = label === 'CERTIFICATE REQUEST';
  if (body === undefined) return isRequest ? `PEM block type must be ${label}` : `must contain at least one ${label} PEM block`;
  if (found !== label) {
    return isRequest ? `PEM block type must be ${label}` : `only ${label} PEM blocks are allowed, found ${JSON.stringify(found)}`;
  }
  const der = Buffer.from(body, 'base64');
  return isOneSequence(der) ? der : "asn1: structure error: tags don't match";
}

/** One sequence whose length is that of all the bytes. */
function isOneSequence(der: Buffer): boolean {
  const [tag, first] = der;
  if (tag !== DER_SEQUENCE || first === undefined) return false;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || der.length < 2 + lengthBytes) return false;
  const length = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  return der.length === 2 + lengthBytes + length;
}
