// SPDX-License-Identifier: Apache-2.0
// Writes one image to one disk by etcher-sdk, with the settings its application has by default.
//
//     node etcher.cjs FOLDER_WITH_NODE_MODULES IMAGE DEVICE SIZE_BYTES

const [folder, image, device, size] = process.argv.slice(2);
const sdk = require(require.resolve('etcher-sdk', { paths: [folder] }));

const drive = {
  device,
  raw: device,
  devicePath: null,
  description: 'card',
  size: Number(size),
  blockSize: 512,
  logicalBlockSize: 512,
  mountpoints: [],
  isSystem: false,
  isReadOnly: false,
  isRemovable: true,
};

async function main() {
  const target = new sdk.sourceDestination.BlockDevice({
    drive,
    write: true,
    direct: true,
    unmountOnSuccess: false,
  });
  const { failures } = await sdk.multiWrite.decompressThenFlash({
    source: new sdk.sourceDestination.File({ path: image }),
    destinations: [target],
    onFail: (_destination, error) => console.error(String(error)),
    onProgress: () => {},
    verify: true,
    decompressFirst: true,
    trim: true,
  });
  return failures.size ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(String(error));
    process.exit(1);
  },
);
