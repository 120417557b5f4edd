// Whoever runs these peers talks to them in lines of JSON.
'use strict';

const readline = require('node:readline');

// Tell one event.
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

// What is told to this process, one after the other; undefined at the end.
function steps() {
    const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    return {
        async next() {
            const line = await lines.next();
            return line.done ? undefined : JSON.parse(line.value);
        },
    };
}

module.exports = { say, steps };
