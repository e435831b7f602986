// Pictures as files, made here.
import zlib from "node:zlib";

/** A PNG of two colours with stripes, one bit per point: even thousands of points each way are a few kilobytes. */
export function png(width: number, height: number): Buffer {
  const row = Buffer.alloc(1 + Math.ceil(width / 8), 0xf0);
  row[0] = 0; // no filter
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1; // bits per point; kind 0 is grey, and the rest is plain
  const rows = Buffer.alloc(row.length * height);
  for (let y = 0; y < height; y++) row.copy(rows, y * row.length);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", zlib.deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const length = Buffer.alloc(4), sum = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(zlib.crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** The body of `POST /api/upload/image` for a file. */
export function form(bytes: Buffer, name = "picture.png", type = "image/png"): FormData {
  const data = new FormData();
  data.append("image", new File([new Uint8Array(bytes)], name, { type }));
  return data;
}
