// The program behind "npm start".
require('./server.js');
