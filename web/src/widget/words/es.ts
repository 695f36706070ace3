import type { Words } from "./words.ts";

/** Which of them it was helps a visitor little. */
const held = "Aquí se retuvo o cambió algo";

export const es: Words = {
  delivery: {
    sending: "Enviando",
    stored: "Enviado",
    delivered: "Entregado",
    read: "Leído",
    failed: "No enviado",
  },
  marks: {
    waiting: "Todavía no se puede abrir",
    gap: held,
    conflicting: held,
    unreadable: "No se pudo abrir este mensaje",
    "removed-device": held,
    "beginning-missing": held,
  },
  send: "Enviar",
  loading: "Cargando",
  latest: "Último mensaje",
  safetyNumber: "Número de seguridad",
  tooLong: "Sobran # bytes. Envíelo por partes.",
  notKept:
    "En este dispositivo no hay espacio para guardar el mensaje; no se envió.",

  launcher: "Chatear con {}",
  unread: "Mensajes sin leer",
  close: "Cerrar el chat",
  back: "Volver",
  menu: "Más",
  lock: "Solo usted y {} pueden leer esto",
  greeting: "Hola, ¿en qué podemos ayudarle? Aquí encontrará la respuesta.",
  conversation: "Conversación",
  placeholder: "Escriba un mensaje",
  you: "Usted",
  typing: "{} está escribiendo",
  offline: "Esperando una conexión.",
  kept: "Su mensaje está guardado en este dispositivo.",
  ending: "Este chat no se ha renovado. Es posible que pronto deje de funcionar.",
  closed: "Esta conversación está cerrada. Escriba para abrirla de nuevo.",
  deleted: "Esta conversación está eliminada.",
  blocked: "Esta conversación está bloqueada.",
  anew: "Un mensaje nuevo comienza otra.",
  storageFailed:
    "Este navegador no deja guardar nada, así que el chat no puede usarse aquí.",

  safetyTitle: "Privado, y cómo comprobarlo",
  safetyHow:
    "Sus mensajes se cierran con llave en este dispositivo, y solo {} tiene la clave. El servicio que los transporta no puede leerlos.",
  safetyCompare:
    "Compare este número con {}, por ejemplo por teléfono. Si ambos ven el mismo, no hay nadie en medio.",

  goOn: "Seguir en otro dispositivo",
  goOnText:
    "Introduzca allí este código: menú del chat, «Tengo un código». Quien lo tenga puede leer y escribir aquí.",
  copyCode: "Copiar",
  copied: "Copiado",
  haveCode: "Tengo un código",
  enter: "Seguir",
  wrongCode: "Ninguna conversación tiene este código.",

  sound: "Sonido",
  copy: "Guardar una copia",
  end: "Terminar y eliminar",
  endText:
    "Todos los mensajes se borran de este dispositivo y del servicio. Lo que {} ya ha recibido permanece allí.",

  unverified: "No se pudo verificar el chat de este sitio; no se envió nada.",
  unavailable: "Este chat no está disponible; no se envió nada.",
  conflict: "Esta conversación no concuerda; no se envía nada más.",
  checkCode: "Pida al propietario que revise el código de chat de esta página.",
  otherWay: "Contacte con el propietario por otra vía, como el teléfono.",
  reload: "Recargue la página e inténtelo de nuevo.",
};
