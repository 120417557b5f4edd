// ocpp-rpc 2.2.1 looks its schemas up as urn:<action>.req and .conf, but names those of OCPP 2.1 otherwise.
'use strict';

const { createValidator } = require('ocpp-rpc');
const schemas = require('ocpp-rpc/lib/schemas/ocpp2_1.json');

const renamed = schemas.map((schema) => (
    { ...schema, $id: schema.$id.replace(/Request$/, '.req').replace(/Response$/, '.conf') }));

module.exports = [createValidator('ocpp2.1', renamed)];
