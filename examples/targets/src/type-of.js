const { lookup } = require('mime-types');

/** The media type that the end of a path stands for. */
function typeOf(path) {
  return lookup(path) || 'application/octet-stream';
}

module.exports = { typeOf };
